import type { Admission, Asked, Course, FlatHeaders, OnAnswer, Special } from "../course.ts";
import type { Draw } from "../draw.ts";
import { pickBackend } from "../pick.ts";
import type { HttpsSpec } from "../route_table.ts";

/** What a host has clients told of TLS, in front of what else is special about it. */
export function withHttps(
  https: HttpsSpec | undefined,
  inner: Special | undefined,
  draw: Draw,
): Special | undefined {
  if (https === undefined) return inner;
  const { redirectPort, hstsSeconds } = https;
  return {
    admit(asked, admission) {
      if (!asked.isTls && redirectPort !== undefined) {
        const headers = ["Location", secureUrlOf(asked, redirectPort)];
        admission.refuse({ code: 308, detail: "this host is served over HTTPS alone", headers });
        return;
      }
      const next =
        asked.isTls && hstsSeconds !== undefined ? strict(admission, hstsSeconds) : admission;
      if (inner !== undefined) inner.admit(asked, next);
      else next.go(plainCourse(draw));
    },
  };
}

function secureUrlOf({ host, target }: Asked, port: number): string {
  return `https://${host}${port === 443 ? "" : `:${port}`}${target === "*" ? "/" : target}`;
}

/** Answers say that this host is to be asked over TLS alone (RFC 6797). */
function strict(admission: Admission, seconds: number): Admission {
  const header = ["Strict-Transport-Security", `max-age=${seconds}`];
  const refused = (headers: readonly string[] = []) => [...headers, ...header];
  return {
    go(course) {
      const { onAnswer: before } = course;
      const onAnswer: OnAnswer = (code, headers: FlatHeaders) => {
        headers.push(...header);
        return before?.(code, headers);
      };
      admission.go({ ...course, onAnswer });
    },
    refuse: (refusal) => admission.refuse({ ...refusal, headers: refused(refusal.headers) }),
  };
}

function plainCourse(draw: Draw): Course {
  return {
    ...{ backend: pickBackend(draw), why: "split", target: undefined, onRequest: undefined },
    ...{ onAnswer: undefined, bodyBytesMax: undefined, mirror: undefined },
  };
}
