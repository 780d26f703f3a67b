/**
 * Rows of `ai_generation_queue` become jobs, and their results come back into the rows.
 *
 * A row is its own outbox: Payload's hooks run before the transaction is committed, so a hook that called the queue would
 * order texts for rows that are never there, and fail to save when the queue is away. Rows that stand there are found by
 * looking, each with its own Idempotency-Key, so that looking twice orders nothing twice.
 */

import { Webhook } from 'standardwebhooks'
import { QueueError, hasEnded } from './queue.mjs'
import { idOf, tenantName } from './tenants.mjs'

export const COLLECTION = 'aiGenerationQueue'
const SOURCE = 'ai_generation_queue-'
const TYPE = 'ai_generation'
const AT_ONCE = 50

/**
 * Return what keeps rows and jobs together: `look()` takes one turn; `soon()` has one taken in a moment, for a hook;
 * `start()` takes one every so often until the function it returns is called.
 */
export function generationSync({ payload, queue, collection = COLLECTION, everySeconds = 30, soonMs = 250 }) {
  let turn = null
  let timer = null

  /** Hand in what is queued, and look after what has been processing for longer than a turn. Turns never overlap. */
  function look() {
    turn ??= takeTurn(payload, queue, collection, everySeconds).finally(() => (turn = null))
    return turn
  }

  function soon() {
    timer ??= setTimeout(() => {
      timer = null
      look().catch((error) => payload.logger.error(error))
    }, soonMs)
    timer.unref()
  }

  function start() {
    const every = setInterval(soon, 1000 * everySeconds)
    every.unref()
    soon()
    return () => clearInterval(every)
  }

  return { look, soon, start }
}

async function takeTurn(payload, queue, collection, everySeconds) {
  const quiet = new Date(Date.now() - 1000 * everySeconds).toISOString()
  const lost = { and: [{ status: { equals: 'processing' } }, { updatedAt: { less_than: quiet } }] }
  const full = []
  for (const open of [{ status: { equals: 'queued' } }, lost]) {
    let behind = true
    while (behind) {
      const where = full.length ? { and: [open, { tenant: { not_in: full } }] } : open
      const { docs } = await payload.find({ collection, where, sort: 'updatedAt', limit: AT_ONCE, depth: 0 })
      const stopped = await handedIn(payload, queue, collection, docs)
      if (stopped && stopped.error.status !== 429) return
      behind = stopped && full.push(idOf(stopped.row.tenant))
    }
  }
}

/**
 * Hand rows in, up to one that the queue cannot take now: that one stays as it is, for the next turn. With a 429 it is
 * its tenant that asks too much, and rows of others may stand behind.
 */
async function handedIn(payload, queue, collection, rows) {
  for (const row of rows) {
    try {
      await write(payload, collection, row, standing(await jobOf(queue, row)))
    } catch (error) {
      if (!(error instanceof QueueError)) throw error
      if (error.later) return { row, error }
      await write(payload, collection, row, failed(error.message))
    }
  }
  return null
}

/** Return the job of a row. Who edits a row that was handed in changes nothing: its job is the one that there is. */
async function jobOf(queue, row) {
  const tenant = tenantName(row.tenant)
  const key = `${SOURCE}${row.id}`
  try {
    const { id } = await queue.submit(tenant, jobFor(row, key), { idempotencyKey: key })
    return await queue.job(tenant, id)
  } catch (refused) {
    if (refused.status !== 422) throw refused
    return await queue.job(tenant, jobId(tenant, key)).catch((error) => {
      throw error.status === 404 ? refused : error
    })
  }
}

const jobId = (tenant, key) => `${tenant}:${TYPE}:${key}`

/** Return the job of a row: its fields, without what Payload adds to them. */
function jobFor(row, correlationId) {
  const { sourceData: source = {}, parameters: given = {} } = row
  return {
    jobType: TYPE,
    correlationId,
    source: 'payload',
    payload: {
      generationType: row.generationType,
      spaceId: String(idOf(row.space)),
      sourceData: told({
        youtubeChannelId: source.youtubeChannelId,
        brandingGuidelines: source.brandingGuidelines,
        targetAudience: source.targetAudience,
        contentThemes: source.contentThemes?.map(({ theme }) => theme),
      }),
      parameters: told({
        productType: given.productType,
        styleGuide: given.styleGuide,
        colorScheme: given.colorScheme?.map(({ color }) => color),
        textElements: given.textElements?.map(({ text, emphasis }) => told({ text, emphasis })),
        customPrompt: given.customPrompt,
      }),
    },
  }
}

const told = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null && value !== ''))

/** Return how a job stands, as its row says it. One that is dead is still processing: somebody decides on it, in the queue. */
const standing = (job) => (hasEnded(job) ? ended(job) : { status: 'processing', progress: percent(job) })

const percent = ({ progress }) => (progress?.total ? Math.round((100 * progress.done) / progress.total) : 0)

function ended(job) {
  if (job.status === 'cancelled') return { status: 'cancelled' }
  if (job.status === 'failed') return failed(job.error?.message ?? 'it failed')
  const made = job.result.processingMetadata
  return {
    status: 'completed',
    progress: 100,
    generatedText: job.result.generatedText,
    processingMetadata: {
      modelUsed: made.modelUsed,
      processingTime: made.processingTime,
      tokensUsed: made.tokensUsed,
      errorMessage: null,
    },
  }
}

const failed = (message) => ({ status: 'failed', processingMetadata: { errorMessage: message } })

/** Change a tenant's row that is not at its end: whoever comes late, or twice, or for another's row, changes nothing. */
async function write(payload, collection, { id, tenant }, data) {
  const own = [{ id: { equals: id } }, { tenant: { equals: idOf(tenant) } }]
  const open = { and: [...own, { status: { in: ['queued', 'processing'] } }] }
  await payload.update({ collection, where: open, data, depth: 0 })
}

/**
 * Return the endpoint that the queue tells when a job ends. `secret`: `whsec_…`, shown when the webhook was made
 *
 * The correlation id is what somebody said who handed a job in, maybe with a tenant's own key: believed is only that it
 * is the very job that a row of that tenant has ordered.
 */
export function queueWebhook({ queue, secret, collection = COLLECTION }) {
  return {
    path: '/spaces-queue/webhook',
    method: 'post',
    handler: async (req) => {
      let event
      try {
        event = new Webhook(secret).verify(await req.text(), Object.fromEntries(req.headers))
      } catch {
        return Response.json({ error: 'not signed by the queue' }, { status: 401 })
      }
      const { id, tenantId, correlationId } = event.data
      if (correlationId?.startsWith(SOURCE) && id === jobId(tenantId, correlationId)) {
        const row = { id: correlationId.slice(SOURCE.length), tenant: tenantId }
        await write(req.payload, collection, row, standing(await queue.job(tenantId, id)))
      }
      return new Response(null, { status: 204 })
    },
  }
}
