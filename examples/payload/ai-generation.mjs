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
const SOURCE = 'ai_generation_queue:'
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
  for (const where of [{ status: { equals: 'queued' } }, lost]) {
    const { docs } = await payload.find({ collection, where, sort: 'updatedAt', limit: AT_ONCE, depth: 0 })
    for (const row of docs) if (!(await handedIn(payload, queue, collection, row))) return
  }
}

/** Hand a row in; false while the queue is away: the rows stand there, and the next turn finds them. */
async function handedIn(payload, queue, collection, row) {
  try {
    await handIn(payload, queue, collection, row)
  } catch (error) {
    if (!(error instanceof QueueError)) throw error
    if (error.later) return false
    await write(payload, collection, row.id, failed(error.message))
  }
  return true
}

async function handIn(payload, queue, collection, row) {
  const tenant = tenantName(row.tenant)
  const key = `${SOURCE}${row.id}`
  const accepted = await queue.submit(tenant, jobFor(row, key), { idempotencyKey: key })
  await bring(payload, collection, row.id, await queue.job(tenant, accepted.id))
}

/** Return the job of a row: its fields, without what Payload adds to them. */
function jobFor(row, correlationId) {
  const { sourceData: source = {}, parameters: given = {} } = row
  return {
    jobType: 'ai_generation',
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

/** Write how a job stands into its row. A job that is dead is still processing: somebody decides on it, in the queue. */
async function bring(payload, collection, id, job) {
  await write(payload, collection, id, hasEnded(job) ? ended(job) : { status: 'processing', progress: percent(job) })
}

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

/** Change a row that is not at its end: whoever comes late, or twice, changes nothing. */
async function write(payload, collection, id, data) {
  const open = { and: [{ id: { equals: id } }, { status: { in: ['queued', 'processing'] } }] }
  await payload.update({ collection, where: open, data, depth: 0 })
}

/** Return the endpoint that the queue tells when a job ends. `secret`: `whsec_…`, shown when the webhook was made */
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
      if (correlationId?.startsWith(SOURCE)) {
        const row = correlationId.slice(SOURCE.length)
        await bring(req.payload, collection, row, await queue.job(tenantId, id))
      }
      return new Response(null, { status: 204 })
    },
  }
}
