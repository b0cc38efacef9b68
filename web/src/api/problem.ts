/** An error response of the API, or a network error. */
export class Problem extends Error {
  constructor(
    /** The HTTP status, or 0 without a response. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint?: string,
    readonly requestId?: string,
    /** In seconds. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }

  get offline() {
    return this.status === 0 || this.status === 502 || this.status === 504;
  }

  static async of(response: Response): Promise<Problem> {
    const wait = Number(response.headers.get("retry-after"));
    const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : undefined;
    try {
      const { error } = (await response.json()) as { error: Record<string, string> };
      return new Problem(
        response.status,
        error.code ?? "unknown",
        error.message ?? response.statusText,
        error.hint ?? undefined,
        error.request_id ?? undefined,
        retryAfter,
      );
    } catch {
      const words = `The registry, or a proxy before it, answered ${response.status} without words.`;
      return new Problem(response.status, "unknown", words, undefined, undefined, retryAfter);
    }
  }
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "offline", "The registry does not answer.");
}
