/** The number that a flag of a script says. Ends the script, in words, where it is none. */
export function numberFlag(name: string, text: string, least = 0): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= least) return value;
  const rule = `want a number, ${least} or more, such as --${name}=${Math.max(least, 1)}`;
  process.stderr.write(`--${name} is "${text}": ${rule}\n`);
  process.exit(2);
}
