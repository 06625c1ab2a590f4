import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NotStarted } from "../not_started.ts";
import type { InstanceSpec } from "../runtime.ts";

/** As whom to run; as this server itself where nothing is said. */
export interface User {
  readonly uid?: number;
  readonly gid?: number;
}

export interface UserQuestion {
  readonly asked: InstanceSpec["user"];
  /** What the image says: `user`, `user:group`, by name or number. */
  readonly image: string | undefined;
  /** Where the image's files are; names are looked up in its `etc`. */
  readonly tree: string;
  /** Who this server runs as; absent where users have no numbers. */
  readonly own: { readonly uid: number; readonly gid: number } | undefined;
}

/** As whom an instance runs, and what of it cannot be had. */
export function userOf(question: UserQuestion): { user: User; caveats: readonly string[] } {
  const { asked = {}, own } = question;
  if (own === undefined) return { user: {}, caveats: [] };
  if (asked.uid === undefined && asked.gid === undefined) return imageUser(question);
  const user = { uid: asked.uid ?? own.uid, gid: asked.gid ?? groupOf(asked.uid, question) };
  if (isSame(user, own)) return { user: {}, caveats: [] };
  if (own.uid === 0) return { user, caveats: [] };
  throw new NotStarted(
    `it shall run as user ${user.uid} of group ${user.gid}, and this server, being user ` +
      `${own.uid} of group ${own.gid}, can run nothing as another: run the server as root, or ` +
      "leave out runAsUser and runAsGroup",
  );
}

/** An image's own wish is not an order: where it cannot be had, a caveat says so. */
function imageUser(question: UserQuestion): { user: User; caveats: readonly string[] } {
  const { image = "", own } = question;
  if (image === "" || own === undefined) return { user: {}, caveats: [] };
  if (own.uid !== 0) {
    const caveat =
      `the image's user "${image}" is not honoured: it runs as user ${own.uid}, like this ` +
      "server, as only root can run something as another";
    return { user: {}, caveats: [caveat] };
  }
  const [name = "", group] = image.split(":");
  const uid = numberOf(name, "passwd", question);
  const gid = group === undefined ? groupOf(uid, question) : numberOf(group, "group", question);
  return { user: isSame({ uid, gid }, own) ? {} : { uid, gid }, caveats: [] };
}

function isSame(user: User, own: NonNullable<UserQuestion["own"]>): boolean {
  return user.uid === own.uid && user.gid === own.gid;
}

/** The group that the image gives a user, or the one of the same number. */
function groupOf(uid: number | undefined, { tree, own }: UserQuestion): number {
  if (uid === undefined) return own?.gid ?? 0;
  const entry = entries(tree, "passwd").find(([, , id]) => Number(id) === uid);
  return Number(entry?.[3] ?? uid);
}

function numberOf(name: string, file: "passwd" | "group", { tree }: UserQuestion): number {
  if (/^\d+$/.test(name)) return Number(name);
  const entry = entries(tree, file).find(([first]) => first === name);
  if (entry?.[2] !== undefined) return Number(entry[2]);
  throw new NotStarted(
    `the image shall run as "${name}", which its /etc/${file} does not have: build it with a ` +
      "number instead, or set runAsUser and runAsGroup",
  );
}

/** Lines of `name:password:number:…`. */
function entries(tree: string, file: string): readonly (readonly string[])[] {
  try {
    const lines = readFileSync(join(tree, "etc", file), "utf8").split("\n");
    return lines.map((line) => line.split(":"));
  } catch {
    return [];
  }
}
