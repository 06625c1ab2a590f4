import assert from "node:assert/strict";
import { test } from "node:test";
import type { Exit } from "../../runtime/runtime.ts";
import { messageOf, reasonOf } from "./health.ts";

const EXIT: Exit = { reason: "Error", output: "", at: "2026-01-01T00:00:00Z" };

for (const { title, exit, says } of [
  {
    title: "an exit code with its last output",
    exit: { ...EXIT, code: 5, output: "no database\n" },
    says: ["ExitCode5", "Container failed with: no database"],
  },
  {
    title: "an exit code with what it left for that",
    exit: { ...EXIT, code: 5, output: "at main.js:3", message: "no database\n" },
    says: ["ExitCode5", "Container failed with: no database"],
  },
  {
    title: "an exit code that it left nothing for, whatever its policy",
    exit: { ...EXIT, code: 5, output: "at main.js:3", message: "\n" },
    says: ["ExitCode5", "Container failed with: at main.js:3"],
  },
  {
    title: "a liveness probe that failed, with what it left for that",
    exit: { ...EXIT, reason: "Unhealthy", output: "GET / answers 500", message: "stuck" },
    says: [
      "LivenessProbeFailed",
      "Container failed its liveness probe; its termination message: stuck; " +
        "its last output: GET / answers 500",
    ],
  },
  {
    title: "an exit code without output",
    exit: { ...EXIT, code: 5 },
    says: ["ExitCode5", "Container failed with no output"],
  },
  {
    title: "a server that ends as if all were well",
    exit: { ...EXIT, reason: "Completed", code: 0 },
    says: ["ExitCode0", "container exited with no error"],
  },
  {
    title: "a signal, counted from 128",
    exit: { ...EXIT, signal: "SIGSEGV" },
    says: ["ExitCode139", "Container failed with no output"],
  },
  {
    title: "an end that nobody saw",
    exit: { ...EXIT, reason: "Unknown" },
    says: ["ExitCodeUnknown", "Container failed with no output"],
  },
  {
    title: "too little memory",
    exit: { ...EXIT, reason: "OutOfMemory", signal: "SIGKILL", output: "loading" },
    says: ["OOMKilled", "Container failed with: out of memory; its last output: loading"],
  },
  {
    title: "a liveness probe that failed",
    exit: { ...EXIT, reason: "Unhealthy", signal: "SIGKILL" },
    says: ["LivenessProbeFailed", "Container failed its liveness probe"],
  },
  {
    title: "a program that could not be started",
    exit: { ...EXIT, reason: "NotStarted", output: "no such program: serve" },
    says: ["StartFailed", "Container failed with: no such program: serve"],
  },
] satisfies readonly { title: string; exit: Exit; says: readonly string[] }[]) {
  test(`the reason of ${title}`, () => {
    assert.deepEqual([reasonOf(exit), messageOf(exit)], says);
  });
}
