import { type Condition, failed, ok, pending } from "../../api/condition.ts";
import { type Exit, exitCodeOf, type Instance } from "../../runtime/runtime.ts";

const HEALTHY = "ContainerHealthy";

/** ContainerHealthy of a Revision, from its instances: one that serves outweighs all that fail. */
export function healthOf(instances: readonly Instance[]): Condition {
  if (instances.some(({ phase }) => phase === "ready")) return ok(HEALTHY);
  const ended = instances.find(({ phase, lastExit }) => phase === "waiting" && lastExit);
  if (ended?.lastExit !== undefined) {
    return failed(reasonOf(ended.lastExit), messageOf(ended.lastExit), HEALTHY);
  }
  // It was started again after a failure, and has not shown yet that it can do better.
  const retried = instances.find(({ lastExit }) => lastExit !== undefined);
  if (retried?.lastExit !== undefined) {
    return failed(reasonOf(retried.lastExit), messageOf(retried.lastExit), HEALTHY);
  }
  const [first] = instances;
  return pending("Deploying", first?.message || "Starting Instances", HEALTHY);
}

/** One word: the exit code, as Knative tells it (spec/elafros §8 ERR-11). */
export function reasonOf(exit: Exit): string {
  const { reason } = exit;
  if (reason === "OutOfMemory") return "OOMKilled";
  if (reason === "Unhealthy") return "LivenessProbeFailed";
  if (reason === "NotStarted") return "StartFailed";
  return `ExitCode${exitCodeOf(exit) ?? "Unknown"}`;
}

/** What it left for that comes first; whatever its policy, its last output stands in for it. */
export function messageOf(exit: Exit): string {
  const { reason, code, output, message = "" } = exit;
  if (reason === "OutOfMemory") return withWords("Container failed with: out of memory", exit);
  if (reason === "Unhealthy") return withWords("Container failed its liveness probe", exit);
  const said = message.trim() || output.trim();
  if (said !== "") return `Container failed with: ${said}`;
  return code === 0 ? "container exited with no error" : "Container failed with no output";
}

function withWords(sentence: string, { output, message = "" }: Exit): string {
  const words = { "its termination message": message.trim(), "its last output": output.trim() };
  const said = Object.entries(words).filter(([, text]) => text !== "");
  return [sentence, ...said.map(([what, text]) => `${what}: ${text}`)].join("; ");
}
