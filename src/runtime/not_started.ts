/** Why a process could not be started: said by the instance's last exit, never by `run`. */
export class NotStarted extends Error {
  override readonly name = "NotStarted";
}
