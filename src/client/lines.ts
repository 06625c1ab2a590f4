/** The lines of a body as they come, without their ends; an unfinished last one too. */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  // The first bytes of a character may be left, of which the others never came.
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
