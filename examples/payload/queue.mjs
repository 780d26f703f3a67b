/** Spaces Queue, as a server of the platform calls it. Needs nothing but Node 20. */

/** The queue said no (`status` 4xx: asking again changes nothing) or could not answer (`status` 5xx, or 0 without an answer). */
export class QueueError extends Error {
  constructor(status, message) {
    super(message)
    this.name = 'QueueError'
    this.status = status
  }

  /** Would asking again later help. */
  get later() {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

/**
 * Return a client. `key`: a platform key, which acts for the tenant that each call names, or one tenant's own.
 * `patienceSeconds`: beyond what a call waits for by itself.
 */
export function createQueue({ url, key, patienceSeconds = 15 }) {
  async function call(method, path, { tenant, json, body, headers = {}, waitSeconds = 0 } = {}) {
    const sent = { authorization: `Bearer ${key}`, ...headers }
    if (tenant) sent['x-tenant-id'] = tenant
    if (json) sent['content-type'] = 'application/json'
    let answer
    try {
      answer = await fetch(new URL(path, url), {
        method,
        headers: sent,
        body: json ? JSON.stringify(json) : body,
        signal: AbortSignal.timeout(1000 * (patienceSeconds + waitSeconds)),
      })
    } catch (error) {
      throw new QueueError(0, `the queue does not answer: ${error.cause?.code ?? error.name}`)
    }
    const said = await answer.json().catch(() => ({}))
    if (!answer.ok) throw new QueueError(answer.status, said.detail ?? `the queue answered ${answer.status}`)
    return said
  }

  return {
    /** Hand in a job; the same `idempotencyKey` again is the same job. `waitSeconds`: for its end, then as it stands. */
    submit: (tenant, job, { idempotencyKey, waitSeconds = 0 } = {}) =>
      call('POST', `/v1/jobs${waitSeconds ? `?wait=${waitSeconds}s` : ''}`, {
        tenant,
        json: job,
        waitSeconds,
        headers: idempotencyKey ? { 'idempotency-key': idempotencyKey } : {},
      }),

    /** Return a job with its result. */
    job: (tenant, id) => call('GET', `/v1/jobs/${encodeURIComponent(id)}`, { tenant }),

    /** Store a file; the same bytes again are the same upload. */
    upload: async (tenant, file) => {
      const headers = { 'content-type': file.type || 'application/octet-stream' }
      return (await call('POST', '/v1/uploads', { tenant, body: file, headers })).uploadId
    },
  }
}

/** Has a job come to its end. A dead one waits for a decision: it may still complete. */
export const hasEnded = (job) => ['completed', 'failed', 'cancelled'].includes(job.status)
