import assert from "node:assert/strict";
import { REVISION } from "../../src/api/revision.ts";
import type { Place, Story } from "./place.ts";

interface Traffic {
  readonly traffic: readonly {
    readonly revision: string;
    readonly percent: number;
    readonly isLatest: boolean;
    readonly tag?: string;
  }[];
}

export const TRAFFIC_STORIES: readonly Story[] = [
  {
    title: "traffic is split, tagged and untagged, and what is left goes to who has most",
    async act(place) {
      await deployTwice(place);
      assert.deepEqual(await split(place, "traffic shop"), ["shop-00002 100 latest"]);
      const { out, err } = await place.done("traffic shop 1=10 --tag 1=old");
      assert.match(
        err,
        /shop: shop-00001 0 % → 10 %; shop-00002 100 % → 90 %; tag old → shop-00001\n/,
      );
      assert.deepEqual(rowsOf(out), [
        ["REVISION", "TRAFFIC", "TAG", "URL"],
        ["shop-00002", "(@latest)", "90%", place.url("shop")],
        ["shop-00001", "10%", "old", place.url("shop", "old")],
      ]);
      assert.equal((await place.done("url shop --tag old")).out, `${place.url("shop", "old")}\n`);
      await isExplained(place);
      const again = await place.done("traffic shop old=10%");
      assert.match(again.err, /shop: unchanged\n/);
      await place.done("traffic shop --untag old");
      assert.deepEqual(await split(place, "traffic shop 1=0"), ["shop-00002 100 latest"]);
    },
  },
  {
    title: "traffic that cannot be is refused, and says what there is",
    async act(place) {
      await deployTwice(place);
      const cases = [
        { line: "1=60 2=50", says: /The shares add up to 110 %/ },
        { line: "1=101", says: /"1=101" is no share of traffic/ },
        { line: "1=10 shop-00001=20", says: /shop-00001 is named twice/ },
        { line: "7=10", says: /no revision "7"\n.*Revisions: shop-00002, shop-00001/ },
        { line: "shop-0002=10", says: /did you mean "shop-00002"\?/ },
        { line: "2=10", says: /90 % are left, and who serves "shop" now has been named/ },
        { line: "--tag 1=Old", says: /"Old" cannot be a tag/ },
        { line: "--untag old", says: /no tag "old": it has none/ },
      ];
      for (const { line, says } of cases) {
        const { code, err } = await place.run(`traffic shop ${line}`);
        assert.equal(code, 2, line);
        assert.match(err, says);
      }
      const lost = await place.run("traffic shpo 1=10");
      assert.equal(lost.code, 1);
      assert.match(lost.err, /There is no service "shpo" .* \(did you mean "shop"\?\)/);
      assert.deepEqual(await split(place, "traffic shop"), ["shop-00002 100 latest"]);
    },
  },
  {
    title: "a rollback goes to who served before, stays there, and can be taken back",
    async act(place) {
      await deployTwice(place);
      const { out, err } = await place.done("rollback shop");
      assert.match(out, /shop-00001 +100%/);
      assert.match(err, /new revisions get no traffic by themselves\n/);
      assert.match(err, /Back to the latest: varve traffic shop @latest=100 -n /);
      assert.equal(await place.answer(place.url("shop")), "one shop-00001 no x");
      assert.deepEqual(await split(place, "traffic shop"), [
        "shop-00001 100",
        "shop-00002 0 latest",
      ]);
      const oldest = await place.run("rollback shop");
      assert.equal(oldest.code, 1);
      assert.match(oldest.err, /Nothing that is ready served "shop" before shop-00001/);
      await place.done("rollback shop 2");
      assert.equal(await place.answer(place.url("shop")), "two shop-00002 no x");
      await place.done("traffic shop @latest=100");
      assert.deepEqual(await split(place, "traffic shop"), ["shop-00002 100 latest"]);
    },
  },
  {
    title: "a revision that is gone is told of with the way out, and keeps nobody from going back",
    async act(place) {
      await deployTwice(place);
      await place.done("traffic shop 1=10 --tag 1=old");
      await deleteRevision(place, "shop-00001");
      const shares = await place.run("traffic shop 2=50");
      assert.equal(shares.code, 1);
      const still = 'Revision "shop-00001" is gone, and "shop" sends it 50 %: no traffic of it';
      assert(shares.err.includes(still), shares.err);
      await place.done("traffic shop @latest=100 --untag old");
      await place.done("traffic shop --tag 2=next");
      await place.app("shop", "three");
      await place.done("deploy shop");
      await deleteRevision(place, "shop-00002");
      await place.app("shop", "four");
      for (const line of ["traffic shop --tag @latest=new", "deploy shop"]) {
        const { code, err } = await place.run(line);
        assert.equal(code, 1);
        assert.match(err, /Revision "shop-00002" is gone, and "shop" has the tag "next" for it/);
        assert.match(err, /Take it away: varve traffic shop --untag next -n /);
      }
      const back = await place.done("rollback shop 3");
      assert.match(back.err, /tag next dropped/);
      assert.equal(await place.answer(place.url("shop")), "three shop-00003 no x");
    },
  },
  {
    title: "services, revisions and their descriptions say who serves",
    async act(place) {
      const none = await place.done("services");
      assert.deepEqual([none.out, (await place.json<unknown[]>("services")).length], ["", 0]);
      await deployTwice(place);
      await place.done("traffic shop 1=20 --tag 2=next");
      const { out } = await place.done("services");
      assert.match(out, /^NAME +URL +LATEST +TRAFFIC +READY +REASON +AGE\n/);
      assert.match(out, /\nshop +http:\S+ +shop-00002 +80% 00002, 20% 00001 +True +\d+s\n$/);
      const revisions = await place.done("revisions shop -o wide");
      assert.match(revisions.out, /\nshop-00002 +shop +80% +next +2 +\d+s +4 OK \/ 4 +True +\//);
      const described = await place.done("describe shop");
      assert.match(described.out, /█{16} +80 % +shop-00002 \(@latest\)\n/);
      assert.match(described.out, / 0 % +shop-00002 +next → http:/);
      const one = await place.done("describe shop-00001");
      assert.match(one.out, /^Revision +shop-00001\n/);
      assert.match(one.out, /\nTraffic +20 %\n/);
      assert.match(one.out, /\nOrigin +sha256:[0-9a-f]{64}\n/);
    },
  },
  {
    title: "what is printed for programs keeps its shape",
    async act(place) {
      await deployTwice(place);
      await place.done("traffic shop 1=20 --tag 2=next");
      const [service] = await place.json<object[]>("services");
      assert.deepEqual(Object.keys(service ?? {}), [
        ...["namespace", "name", "url", "latestCreated", "latestReady", "traffic"],
        ...["ready", "reason", "message", "createdAt"],
      ]);
      const [revision] = await place.json<object[]>("revisions");
      assert.deepEqual(Object.keys(revision ?? {}), [
        ...["namespace", "name", "service", "generation", "percent", "tags"],
        ...["ready", "reason", "message", "source", "origin", "image", "instances", "createdAt"],
      ]);
      const traffic = await place.json<Traffic & object>("traffic shop");
      assert.deepEqual(traffic, {
        namespace: place.namespace,
        service: "shop",
        url: place.url("shop"),
        traffic: [
          { revision: "shop-00002", percent: 80, isLatest: true },
          { revision: "shop-00001", percent: 20, isLatest: false },
          {
            ...{ revision: "shop-00002", percent: 0, isLatest: false },
            ...{ tag: "next", url: place.url("shop", "next") },
          },
        ],
      });
      assert.deepEqual(await place.json("url shop"), { url: place.url("shop") });
    },
  },
];

async function deployTwice(place: Place): Promise<void> {
  await place.app("shop", "one");
  await place.done("deploy shop");
  await place.app("shop", "two");
  await place.done("deploy shop");
}

/** As whoever does not ask the command line whether it is safe. */
async function deleteRevision({ varve, namespace }: Place, name: string): Promise<void> {
  await varve.client.delete(await varve.client.get(REVISION, { namespace, name }));
}

async function split(place: Place, line: string): Promise<readonly string[]> {
  const { traffic } = await place.json<Traffic>(line);
  return traffic.map(({ revision, percent, isLatest }) => {
    return `${revision} ${percent}${isLatest ? " latest" : ""}`;
  });
}

function rowsOf(table: string): readonly (readonly string[])[] {
  return table
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ +/));
}

/** Where a request would go is told with the reason, and what cannot be asked is refused. */
async function isExplained(place: Place): Promise<void> {
  const { host } = new URL(place.url("shop"));
  const { out } = await place.done(`explain ${host}/x -H Knative-Serving-Tag:old -X put`);
  assert.match(out, /^Split: {6}shop-00002 90 %, shop-00001 10 %$/m);
  assert.match(out, /^Decided by: header Knative-Serving-Tag: old$/m);
  assert.match(out, /^Revision: {3}\S+\/shop-00001$/m);
  assert.match(out, /^Instance: {3}(?:\S+ at \S+:\d+, with 0 open, of 1|none: .*)$/m);
  const lost = await place.done("explain nobody.localhost/");
  assert.match(lost.out, /^Answer: {5}404: no service has the host "nobody.localhost"$/m);
  const bad = await place.run(`explain ${host} -H nothing`);
  assert.equal(bad.code, 1);
  assert.match(bad.err, /Cannot explain the header "nothing": want "NAME: VALUE"/);
}
