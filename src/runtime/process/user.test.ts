import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { NotStarted } from "../not_started.ts";
import { type UserQuestion, userOf } from "./user.ts";

const ROOT = { uid: 0, gid: 0 };
const tree = mkdtempSync(join(tmpdir(), "varve-user-"));
mkdirSync(join(tree, "etc"));
writeFileSync(join(tree, "etc/passwd"), "root:x:0:0::/:/bin/sh\nnode:x:1000:1001::/:/bin/sh\n");
writeFileSync(join(tree, "etc/group"), "root:x:0:\nstaff:x:50:\n");
after(() => rmSync(tree, { recursive: true }));

const CASES: readonly (Partial<UserQuestion> & { title: string; is: object })[] = [
  { title: "nobody asks: as the server", is: {} },
  {
    title: "a user of the image has its group",
    asked: { uid: 1000 },
    is: { uid: 1000, gid: 1001 },
  },
  { title: "another has the group of its number", asked: { uid: 7 }, is: { uid: 7, gid: 7 } },
  { title: "both are given", asked: { uid: 7, gid: 8 }, is: { uid: 7, gid: 8 } },
  { title: "only a group is given", asked: { gid: 8 }, is: { uid: 0, gid: 8 } },
  { title: "the server's own need no change", asked: { uid: 0, gid: 0 }, is: {} },
  { title: "the image asks by name", image: "node", is: { uid: 1000, gid: 1001 } },
  { title: "the image asks by names", image: "node:staff", is: { uid: 1000, gid: 50 } },
  { title: "the image asks by numbers", image: "5:6", is: { uid: 5, gid: 6 } },
  {
    title: "the spec goes before the image",
    asked: { uid: 7 },
    image: "node",
    is: { uid: 7, gid: 7 },
  },
];

for (const { title, is, ...question } of CASES)
  test(`as whom an instance runs: ${title}`, () => {
    const found = userOf({ asked: undefined, image: undefined, tree, own: ROOT, ...question });
    assert.deepEqual(found, { user: is, caveats: [] });
  });

test("a server that is not root refuses another user, and passes over the image's", () => {
  const own = { uid: 501, gid: 20 };
  const refused = () => userOf({ asked: { uid: 1000 }, image: undefined, tree, own });
  assert.throws(
    refused,
    (thrown) => thrown instanceof NotStarted && /as root/.test(thrown.message),
  );
  const { user, caveats } = userOf({ asked: undefined, image: "node", tree, own });
  assert.deepEqual([user, caveats.length], [{}, 1]);
  assert.match(caveats[0] ?? "", /"node" is not honoured/);
  const same = userOf({ asked: { uid: 501 }, image: undefined, tree, own: { uid: 501, gid: 501 } });
  assert.deepEqual(same, { user: {}, caveats: [] });
});

test("a user that the image does not have is refused", () => {
  const asking = () => userOf({ asked: undefined, image: "nobody", tree, own: ROOT });
  assert.throws(asking, NotStarted);
});
