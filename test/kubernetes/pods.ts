import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { commandLine } from "../cli/command_line.ts";
import { VarveProcess } from "../support/varve_process.ts";
import { CLIENT_STORIES } from "./client_stories.ts";
import { Kubectl, whyNoKubectl } from "./kubectl.ts";
import { writeApp } from "./pod_app.ts";
import { POD_STORIES, type PodPlace } from "./pod_stories.ts";

let place: PodPlace;
before(async () => {
  const varve = await VarveProcess.start({ flags: ["--workers", "1"] });
  const directory = await mkdtemp(join(tmpdir(), "varve-pods-"));
  place = { varve, directory, kubectl: new Kubectl(varve) };
  await writeApp(directory);
  const args = ["deploy", directory, "--name", "talker", "--home", varve.home];
  const { code, out, err } = await commandLine(args, { variables: { PATH: process.env["PATH"] } });
  if (code !== 0) throw new Error(`the app was not deployed: ${out}${err}`);
});
after(async () => {
  await place.varve[Symbol.asyncDispose]();
  await rm(place.directory, { recursive: true, force: true });
});

describe("kubectl and a Pod", { skip: whyNoKubectl() }, () => {
  for (const { title, act } of POD_STORIES) test(title, () => act(place));
});

describe("the official client and a Pod", () => {
  for (const { title, act } of CLIENT_STORIES) test(title, () => act(place));
});
