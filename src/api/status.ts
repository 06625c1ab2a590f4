/** One thing wrong with a request. */
export interface StatusCause {
  /** Where, such as `spec.traffic[1].percent`. */
  readonly field: string;
  readonly message: string;
  /** One word of Kubernetes' own: FieldValueInvalid, FieldValueRequired, … */
  readonly reason: string;
}

export interface StatusDetails {
  readonly group?: string;
  /** The plural of the kind, as Kubernetes has it. */
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** How a request went, in the form that every Kubernetes client can read. */
export interface Status {
  readonly apiVersion: "v1";
  readonly kind: "Status";
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}
