import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { REVISION, type Revision } from "../../src/api/revision.ts";
import { makeCertificateRequest } from "../../src/base/certificate.ts";
import { commandLine } from "../cli/command_line.ts";
import { VarveProcess } from "../support/varve_process.ts";
import { Kubectl, whyNoKubectl } from "./kubectl.ts";

// `npm run test:access`: some eighty calls of kubectl, which take longer than `npm test` may.
const skip = whyNoKubectl();
if (skip !== false) process.stderr.write(`the stories of access are skipped: ${skip}\n`);
const SERVICES = "services.serving.knative.dev";
const CANARY = "tell-nobody-8d1f0c5a";

let varve: VarveProcess;
let admin: Kubectl;

before(async () => {
  if (skip !== false) return;
  varve = await VarveProcess.start({ flags: ["--requests-per-second", "500"] });
  admin = new Kubectl(varve);
  for (const name of ["team", "other"]) await admin.out(`create namespace ${name}`);
});
after(async () => await varve?.[Symbol.asyncDispose]());

test("kubectl tells who one is, and what one may", { skip }, async () => {
  assert.match(await admin.out("auth whoami"), /Username +varve-admin\nGroups +\[system:masters/);
  assert.equal(await admin.out("auth can-i * *"), "yes");
  assert.equal((await admin.run("auth can-i list secrets --as=bob")).out, "no");
  const bob = await admin.out("auth whoami --as=bob --as-group=dev");
  assert.match(bob, /Username +bob\nGroups +\[dev system:authenticated\]/);
  const list = await admin.out("auth can-i --list --as=bob");
  assert.match(list, /selfsubjectreviews.authentication.k8s.io +\[\] +\[\] +\[create\]/);
  assert.doesNotMatch(list, /secrets|services/);
});

test("a refusal says in Kubernetes' words who may not do what, and where", { skip }, async () => {
  assert.equal(
    await admin.refusal(`get ${SERVICES} -n team --as=bob`),
    `${SERVICES} is forbidden: User "bob" cannot list resource "services" in API group ` +
      '"serving.knative.dev" in the namespace "team"',
  );
  assert.equal(
    await admin.refusal("get namespace team --as=bob"),
    'namespaces "team" is forbidden: User "bob" cannot get resource "namespaces" in API group ' +
      '"" in the namespace "team"',
  );
  assert.equal(
    await admin.refusal("get clusterroles --as=bob"),
    'clusterroles.rbac.authorization.k8s.io is forbidden: User "bob" cannot list resource ' +
      '"clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope',
  );
  assert.equal(
    await admin.refusal("get --raw /backup --as=bob"),
    'forbidden: User "bob" cannot get path "/backup"',
  );
});

test("an owner is bound to their namespaces, and finds nothing of others", { skip }, async () => {
  await admin.out("create rolebinding owner -n team --clusterrole=admin --user=olga");
  const can = async (words: string) => (await admin.run(`auth can-i ${words} --as=olga`)).out;
  assert.deepEqual(
    await Promise.all(
      [
        ...[`create ${SERVICES} -n team`, "get secrets -n team", "create rolebindings -n team"],
        ...["update services.serving.knative.dev --subresource=scale -n team"],
        ...[`create ${SERVICES} -n other`, "get secrets -n other", "list namespaces"],
        ...[`list ${SERVICES} --all-namespaces`, "create namespaces", "get nodes"],
      ].map(can),
    ),
    ["yes", "yes", "yes", "yes", "no", "no", "no", "no", "no", "no"],
  );
  const config = "create configmap c --from-literal=a=b --as=olga";
  assert.equal(await admin.out(`${config} -n team`), "configmap/c created");
  assert.match(await admin.refusal(`${config} -n other`), /User "olga" cannot create resource/);
  assert.match(await admin.refusal("delete ns team --as=olga"), /cannot delete resource "namesp/);
});

test("nobody grants what they do not have", { skip }, async () => {
  const olga = (words: string) => `create ${words} -n team --as=olga`;
  assert.equal(
    await admin.out(olga("role reader --verb=get --resource=configmaps")),
    "role.rbac.authorization.k8s.io/reader created",
  );
  assert.equal(
    await admin.refusal(olga("role more --verb=get --resource=nodes")),
    'roles.rbac.authorization.k8s.io "more" is forbidden: user "olga" ' +
      '(groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently ' +
      'held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}',
  );
  await admin.out(olga("rolebinding fine --clusterrole=edit --user=bob"));
  const cluster = await admin.refusal(olga("rolebinding all --clusterrole=cluster-admin --user=x"));
  assert.match(cluster, /\{APIGroups:\["\*"\], Resources:\["\*"\], Verbs:\["\*"\]\}/);
  const patch = '{"roleRef":{"kind":"ClusterRole","name":"view"}}';
  const changed = await admin.refusal(`patch rolebinding owner -n team --type=merge -p ${patch}`);
  assert.match(changed, /roleRef: Invalid value: .+: cannot change roleRef/);
});

test("a ClusterRole is put together of those that are labelled for it", { skip }, async () => {
  await admin.out("create clusterrole views-nodes --verb=get --resource=nodes");
  const can = async () =>
    (await admin.run("auth can-i get nodes --as=vera")).out.split("\n").at(-1);
  await admin.out("create clusterrolebinding vera --clusterrole=view --user=vera");
  assert.equal(await can(), "no");
  const label = "rbac.authorization.k8s.io/aggregate-to-view=true";
  await admin.out(`label clusterrole views-nodes ${label}`);
  const until = Date.now() + 20_000;
  while ((await can()) !== "yes") assert(Date.now() < until, "the rules come to view");
});

test("a ServiceAccount comes in by its token until it is deleted", { skip }, async () => {
  assert.match(await admin.out("get serviceaccount default -n team"), /default +0/);
  await admin.out("create serviceaccount robot -n team");
  await admin.out(
    "create rolebinding robot -n team --clusterrole=view --serviceaccount=team:robot",
  );
  const token = await admin.out("create token robot -n team --duration=10m");
  const [, body = ""] = token.split(".");
  const { aud, exp, iat, sub } = JSON.parse(Buffer.from(body, "base64url").toString());
  assert.deepEqual(
    [aud, exp - iat, sub],
    [["https://kubernetes.default.svc.cluster.local"], 600, "system:serviceaccount:team:robot"],
  );
  const robot = admin.withToken(token);
  assert.match(
    await robot.out("auth whoami"),
    /Groups +\[system:serviceaccounts system:serviceaccounts:team system:authenticated\]/,
  );
  assert.match(await robot.out("get configmaps -n team -o name"), /configmap\/c/);
  assert.match(
    await robot.refusal("delete configmap c -n team"),
    /^configmaps "c" is forbidden: User "system:serviceaccount:team:robot" cannot delete/,
  );
  const other = await admin.out("create token robot -n team --audience=vault");
  assert.match(await admin.withToken(other).refusal("get cm"), /the token is for another audience/);
  assert.match(
    await admin.refusal("create token robot -n team --duration=1m"),
    /expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes/,
  );
  await admin.out("delete serviceaccount robot -n team");
  await admin.out("create serviceaccount robot -n team");
  assert.match(
    await robot.refusal("get configmaps -n team"),
    /Unauthorized: the ServiceAccount of the token has been deleted/,
  );
});

test("a user comes in by a certificate of our authority, in their groups", { skip }, async () => {
  const file = join(varve.home, "alice.kubeconfig");
  const made = await commandLine([
    ...["user", "alice", "--group", "dev", "--days", "1"],
    ...["--out", file, "--home", varve.home],
  ]);
  assert.deepEqual([made.code, made.out], [0, `Wrote ${file}: lets alice in for 1 days\n`]);
  const alice = admin.with(file);
  assert.match(
    await alice.out("auth whoami"),
    /Username +alice\nGroups +\[dev system:authenticated\]/,
  );
  assert.match(await alice.refusal("get configmaps -n team"), /User "alice" cannot list resource/);
  await admin.out("create rolebinding dev -n team --clusterrole=view --group=dev");
  assert.match(await alice.out("get configmaps -n team -o name"), /configmap\/c/);
  const masters = ["user", "eve", "--group", "system:masters", "--home", varve.home];
  const refused = await commandLine([...masters, "--out", join(varve.home, "eve")]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /certificates with the organization "system:masters" are not issued/);
});

test("to act as another one must be allowed to", { skip }, async () => {
  const token = await admin.out("create token default -n team");
  const robot = admin.withToken(token);
  assert.equal(
    await robot.refusal("get cm -n team --as=olga"),
    'users "olga" is forbidden: User "system:serviceaccount:team:default" cannot impersonate ' +
      'resource "users" in API group "" at the cluster scope',
  );
  await admin.out("create clusterrole as-olga --verb=impersonate --resource=users");
  await admin.out(
    "create clusterrolebinding r --clusterrole=as-olga --serviceaccount=team:default",
  );
  assert.match(await robot.out("get cm -n team -o name --as=olga"), /configmap\/c/);
  assert.match(
    await robot.refusal("get cm -n team --as=olga --as-group=system:masters"),
    /groups "system:masters" is forbidden: .+ cannot impersonate resource "groups"/,
  );
});

test("Revisions are made by hand by importers alone (O-5)", { skip }, async () => {
  const { apiVersion, kind } = REVISION;
  const spec = { containers: [{ image: "example.com/hello:1" }] };
  const metadata = { name: "hello-00001", namespace: "team" };
  const revision: Pick<Revision, "apiVersion" | "kind" | "spec"> = { apiVersion, kind, spec };
  const text = JSON.stringify({ ...revision, metadata });
  assert.match(
    await admin.refusal("create -f - --dry-run=server", text),
    /revisions.serving.knative.dev "hello-00001" is forbidden: Revisions come from changes of/,
  );
  await admin.out("create rolebinding ida -n team --clusterrole=varve:importer --user=ida");
  const imported = await admin.out("create -f - --dry-run=server -o name --as=ida", text);
  assert.equal(imported, "revision.serving.knative.dev/hello-00001");
});

test("the value of a Secret is in no file, and in no answer but its own", { skip }, async () => {
  await admin.out(`create secret generic s -n team --from-literal=token=${CANARY}`);
  const encoded = Buffer.from(CANARY).toString("base64");
  const manifest = { apiVersion: "v1", kind: "Secret", metadata: { name: "t", namespace: "team" } };
  const applied = JSON.stringify({ ...manifest, data: { token: encoded } });
  await admin.out("apply --server-side -f -", applied);
  const bad = {
    ...manifest,
    type: "kubernetes.io/tls",
    stringData: { x: CANARY },
    data: [encoded],
  };
  const refused = await admin.run("create -f - --validate=false", JSON.stringify(bad));
  assert.notEqual(refused.code, 0);
  const fields = await admin.out(
    "get secret t -n team -o jsonpath={.metadata} --show-managed-fields",
  );
  assert.match(fields, /f:token/);
  assert.match(await admin.out("get secret s -n team -o jsonpath={.data.token}"), RegExp(encoded));
  const events = await admin.out("get events -A -o json");
  const said = [refused.err, refused.out, fields, events].join("\n");
  const files = globSync(join(varve.home, "**/*"), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const texts = files.map((file) => readFileSync(file, "latin1"));
  const isTold = (text: string) => text.includes(CANARY) || text.includes(encoded);
  assert.deepEqual(
    [isTold(said), files.filter((_, index) => isTold(texts[index] ?? ""))],
    [false, []],
  );
  assert(
    files.some((file) => file.endsWith("store.db")) && files.length > 5,
    "they were looked at",
  );
});

test("every request is in the audit log: who, what, and what came of it", { skip }, async () => {
  const text = await readFile(join(varve.home, "audit", "audit.log"), "utf8");
  const entries = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const forbidden = entries.find(
    ({ decision, verb }) => decision === "forbid" && verb === "delete",
  );
  const { time, id, groups, tookMs, address, ...rest } = forbidden;
  assert.match(`${time} ${id} ${address}`, /^\d{4}-\S+Z [0-9a-f-]{36} 127.0.0.1$/);
  assert.deepEqual([groups, typeof tookMs], [["system:authenticated"], "number"]);
  assert.deepEqual(rest, {
    ...{ user: "olga", impersonatedBy: "varve-admin", verb: "delete" },
    object: { apiGroup: "", resource: "namespaces", namespace: "team", name: "team" },
    ...{ decision: "forbid", code: 403, outcome: "failure", reason: "Forbidden" },
  });
  const wrong = entries.find(({ decision }) => decision === "unauthenticated");
  assert.deepEqual([wrong.code, wrong.user], [401, undefined]);
});

test("kubectl approves a request for a certificate, and reads it", { skip }, async () => {
  const { request } = await makeCertificateRequest({ name: "carl", organizations: ["dev"] });
  const asking = (name: string) =>
    JSON.stringify({
      ...{ apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest" },
      metadata: { name },
      spec: {
        request: Buffer.from(request).toString("base64"),
        signerName: "kubernetes.io/kube-apiserver-client",
        expirationSeconds: 3600,
        usages: ["client auth"],
      },
    });
  await admin.out("create -f -", asking("carl"));
  assert.match(await admin.out("get csr carl"), /carl .+ varve-admin +60m +Pending/);
  await admin.out("create clusterrole csrs --verb=get,update --resource=csr,csr/approval");
  await admin.out("create clusterrolebinding csrs --clusterrole=csrs --user=bob");
  assert.match(
    await admin.refusal("certificate approve carl --as=bob"),
    /user not permitted to approve requests with signerName "kubernetes.io\/kube-apiserver-client"/,
  );
  await admin.out("certificate approve carl");
  assert.match(await admin.out("get csr carl"), /Approved,Issued/);
  const issued = await admin.out("get csr carl -o jsonpath={.status.certificate}");
  const { subject, keyUsage, validTo } = new X509Certificate(Buffer.from(issued, "base64"));
  const lastsMs = Date.parse(validTo) - Date.now();
  assert.deepEqual([subject, keyUsage], ["O=dev\nCN=carl", ["1.3.6.1.5.5.7.3.2"]]);
  assert(lastsMs > 3_300_000 && lastsMs <= 3_600_000, validTo);
  await admin.out("create -f -", asking("dora"));
  await admin.out("certificate deny dora");
  assert.match(await admin.out("get csr dora"), /Denied$/);
});

test("others can ask whose a token is", { skip }, async () => {
  const token = await admin.out("create token default -n team --audience=vault");
  const review = (audience: string) =>
    admin.out(
      "create -f - -o json --validate=false",
      JSON.stringify({
        ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview" },
        spec: { token, audiences: [audience] },
      }),
    );
  const { spec, status } = JSON.parse(await review("vault"));
  const { authenticated, audiences, user } = status;
  assert.deepEqual(
    [spec.token, authenticated, audiences, user.username],
    [undefined, true, ["vault"], "system:serviceaccount:team:default"],
  );
  const error = "the token is for another audience";
  assert.deepEqual(JSON.parse(await review("x")).status, { authenticated: false, error });
});
