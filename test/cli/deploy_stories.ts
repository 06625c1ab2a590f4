import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Story } from "./place.ts";

interface Result {
  readonly change: string;
  readonly outcome: string;
  readonly revision?: string;
  readonly percent?: number;
  readonly reason?: string;
  readonly supersededBy?: string;
}

export const DEPLOY_STORIES: readonly Story[] = [
  {
    title: "a directory is deployed; the same again makes no revision, and a change does",
    async act(place) {
      await place.app("shop", "one");
      const first = await place.done("deploy shop");
      assert.equal(first.out, `shop-00001 serves: ${place.url("shop")}\n`);
      assert.match(first.err, /building shop-00001\n( {2}│ .*\n)+starting shop-00001\n/);
      assert.match(first.err, /Next: varve logs shop -f -n /);
      assert.equal(await place.answer(place.url("shop")), "one shop-00001 no x");

      const same = await place.done("deploy shop");
      assert.equal(same.out, `unchanged: shop-00001 serves it already: ${place.url("shop")}\n`);

      await place.app("shop", "two");
      await place.done("deploy shop --env X=1");
      assert.equal(await place.answer(place.url("shop")), "two shop-00002 1");
      const forced = await place.json<Result>("deploy shop --force");
      assert.equal(forced.revision, "shop-00003");
    },
  },
  {
    title: "variables are merged by name, taken from Secrets, and dropped",
    async act(place) {
      await place.app("shop", "hi");
      await place.write("", { "vars.env": 'A=from file\nX="file x"\n' });
      const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "key" } };
      const input = JSON.stringify({ ...secret, stringData: { token: "hidden" } });
      await place.done("apply -f -", { input });
      await place.done("deploy shop --env-file vars.env --env X=secret:key/token");
      assert.equal(await place.answer(place.url("shop")), "hi shop-00001 hidden");
      await place.done("deploy shop --env X- --env B=2 --min-scale 1 --memory 200Mi");
      assert.equal(await place.answer(place.url("shop")), "hi shop-00002 no x");
      const { out } = await place.done("get ksvc shop -o yaml");
      assert.match(out, /- name: A\n +value: from file\n +- name: B\n +value: "2"\n/);
      assert.match(out, /limits:\n +memory: 200Mi\n/);
      assert.match(out, /autoscaling.knative.dev\/min-scale: "1"/);
    },
  },
  {
    title: "a branch is deployed again when it has moved, and only then",
    async act(place) {
      await place.app("repository/web", "one");
      const git = gitIn(join(place.directory, "repository"));
      git("init", "-q", "-b", "main");
      git("add", ".");
      git("commit", "-qm", "one");
      const url = `file://${place.directory}/repository`;
      await place.done(`deploy ${url}#main:web`);
      assert.equal(await place.answer(place.url("web")), "one web-00001 no x");
      const same = await place.json<Result>(`deploy ${url}#main:web`);
      assert.deepEqual([same.change, same.revision], ["unchanged", "web-00001"]);

      await place.app("repository/web", "two");
      git("commit", "-qam", "two");
      git("tag", "-am", "second", "v2");
      const moved = await place.json<Result>(`deploy ${url}#main:web`);
      assert.deepEqual([moved.change, moved.revision], ["changed", "web-00002"]);
      const tagged = await place.json<Result>(`deploy ${url}#:web --revision v2`);
      assert.deepEqual([tagged.change, tagged.revision], ["unchanged", "web-00002"]);

      const lost = await place.run(`deploy ${url}#mian:web`);
      assert.equal(lost.code, 1);
      assert.match(lost.err, /There is no branch or tag "mian" in ".*"\n {2}Did you mean "main"\?/);
    },
  },
  {
    title: "a build that fails says what it said, and who serves meanwhile",
    async act(place) {
      await place.app("shop", "one");
      await place.done("deploy shop");
      await rm(join(place.directory, "shop/package.json"));
      await rm(join(place.directory, "shop/server.js"));
      await writeFile(join(place.directory, "shop/readme.txt"), "nothing");
      const { code, out, err } = await place.run("deploy shop");
      assert.deepEqual([code, out], [1, ""]);
      assert.match(err, /error: shop-00002 failed: NothingToRun: There is nothing to run/);
      assert.match(err, /Requests go to shop-00001 as before: http:\/\/shop\./);
      assert.match(err, /More: varve logs shop-00002 --build/);
      const again = await place.json<Result>("deploy shop");
      const { change, outcome, reason } = again;
      assert.deepEqual([change, outcome, reason], ["unchanged", "failed", "NothingToRun"]);
      const log = await place.done("logs shop --build");
      assert.match(log.out, /^extracting upload sha256/);
    },
  },
  {
    title: "an app that ends at its start fails the deploy with its last words",
    async act(place) {
      const crash = 'console.log("no database"); process.exit(7);';
      await place.app("shop", "", { "server.js": crash });
      const { code, err } = await place.run("deploy shop");
      assert.equal(code, 1);
      assert.match(err, /error: shop-00001 failed: ExitCode7: .*no database/);
      assert.match(err, /Nothing serves shop yet/);
      const described = await place.done("describe shop");
      assert.match(described.out, /What to do\n {2}See what it wrote: varve logs shop-00001/);
    },
  },
  {
    title: "what keeps an app from being ready is told while it is so",
    async act(place) {
      const late = `
        import { createServer } from "node:http";
        setTimeout(() => createServer((_, to) => to.end()).listen(process.env.PORT), 1800);`;
      await place.app("shop", "", { "server.js": late });
      const { err } = await place.done("deploy shop");
      assert.match(err, /starting shop-00001: nothing listens on port \d+ yet/);
      const { out } = await place.run("deploy shop --env X=1 --timeout 1s --json");
      assert.equal((JSON.parse(out) as Result).outcome, "timedOut");
    },
  },
  {
    title: "a revision without traffic is looked at by its tag, and then promoted",
    async act(place) {
      const early = await place.run("deploy --no-traffic --name shop");
      assert.equal(early.code, 2);
      assert.match(early.err, /A new service cannot begin with --no-traffic/);
      await place.app("shop", "one");
      await place.done("deploy shop");
      await place.app("shop", "two");
      const { out, err } = await place.done("deploy shop --no-traffic --tag next");
      const tagged = place.url("shop", "next");
      assert.match(out, new RegExp(`^shop-00002 is ready at ${tagged} and takes no traffic; `));
      assert.match(err, /pinned\. Give it some: varve traffic shop shop-00002=100/);
      assert.equal(await place.answer(place.url("shop")), "one shop-00001 no x");
      assert.equal(await place.answer(tagged), "two shop-00002 no x");

      await place.app("shop", "three");
      const pinned = await place.done("deploy shop");
      assert.match(pinned.err, /Give it some: varve traffic shop shop-00003=100/);
      await place.done("traffic shop @latest=100");
      assert.equal(await place.answer(place.url("shop")), "three shop-00003 no x");
    },
  },
  {
    title: "an image is deployed by its name, and forgets the source",
    async act(place) {
      await place.app("shop", "one");
      await place.done("deploy shop");
      const [revision] = await place.json<{ image: string }[]>("revisions shop");
      await place.done(`deploy ${revision?.image} --name copy`);
      assert.equal(await place.answer(place.url("copy")), "one copy-00001 no x");
      await place.done(`deploy ${revision?.image} --name shop`);
      const { out } = await place.done("get ksvc shop -o yaml");
      assert.doesNotMatch(out, /varve.dev\/source/);
    },
  },
  {
    title: "two deploys at once end in two revisions, and each knows what became of its own",
    async act(place) {
      await place.app("one", "one");
      await place.app("two", "two");
      const both = await Promise.all(
        ["one", "two"].map((app) => place.run(`deploy ${app} --name shop --json`)),
      );
      const results = both.map(({ out }) => JSON.parse(out) as Result);
      for (const [at, { code }] of both.entries()) {
        const { outcome, supersededBy } = results[at] ?? {};
        assert.equal(code, outcome === "ready" ? 0 : 1);
        if (outcome !== "ready") assert.equal(supersededBy, "shop-00002");
      }
      assert(
        results.some(({ revision, outcome }) => outcome === "ready" && revision !== undefined),
      );
      const said = await place.answer(place.url("shop"));
      assert.match(said, /^(one|two) shop-0000[12] no x$/);
    },
  },
  {
    title: "who does not wait is told how to follow",
    async act(place) {
      await place.app("shop", "one");
      const { out } = await place.done("deploy shop --no-wait");
      assert.match(out, /^accepted: shop; follow it by: varve describe shop -n /);
      await place.done("deploy shop");
    },
  },
  {
    title: "who is interrupted is told that the deploy goes on",
    async act(place) {
      const slow = JSON.stringify({ scripts: { build: "sleep 2", start: "node server.js" } });
      await place.app("shop", "one", { "package.json": slow });
      const over = new AbortController();
      const onText = ({ err }: { readonly err: string }) => {
        if (err.includes("building shop-00001")) over.abort();
      };
      const { code, out, err } = await place.run("deploy shop", { signal: over.signal, onText });
      assert.deepEqual([code, out], [1, ""]);
      assert.match(err, /Interrupted\. What the server has by now, it goes on with\n/);
      const { out: after } = await place.done("deploy shop");
      assert.match(after, /^unchanged: shop-00001 serves it already/);
    },
  },
];

function gitIn(directory: string): (...args: readonly string[]) => void {
  const who = ["-c", "user.name=me", "-c", "user.email=me@example.com"];
  return (...args) => {
    execFileSync("git", ["-C", directory, ...who, ...args], { stdio: "ignore" });
  };
}
