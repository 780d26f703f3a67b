/** `POST /api/photo-inventory/analyze`, as the admin's screen calls it, answered with what was really read. */

import { QueueError } from './queue.mjs'
import { tenantOf } from './tenants.mjs'

const PHOTO = /^photo_(\d+)$/
const MIB = 1024 * 1024
const SIGN_IN = 'Sign in to the tenant whose photos these are'
const dollars = (hundredths) => (hundredths == null ? null : hundredths / 100)

/** Return a photo job's result in the shape of the platform's `InventoryAnalysis`. What nothing tells is null. */
export function inventoryAnalysis(result) {
  const { mileageData: mileage, collectionData: collection } = result
  return {
    detected_items: result.detectedItems.map((item) => ({
      name: item.name,
      quantity: item.quantity,
      condition: item.condition,
      estimated_value: dollars(item.estimatedValue),
      location: item.location,
      confidence: item.confidence,
    })),
    category: result.category,
    confidence: result.confidence,
    summary: result.summary,
    needs_human_review: result.needsHumanReview,
    ...(mileage && {
      mileage_data: {
        odometer_reading: mileage.odometerReading,
        vehicle_identified: mileage.vehicleIdentified,
        location: mileage.location,
        date: mileage.date,
        mileage_type: mileage.mileageType,
        purpose: mileage.purpose,
      },
    }),
    ...(collection && {
      collection_data: {
        collection_type: collection.collectionType,
        total_items: collection.totalItems,
        categorized_items: collection.categorizedItems,
        estimated_total_value: dollars(collection.estimatedTotalValue),
        condition_summary: collection.conditionSummary,
      },
    }),
  }
}

/**
 * Return the endpoint for Payload's `endpoints`.
 * `save(req, analysis)`: keeps it and returns its id; `waitSeconds`: how long the screen waits for the result;
 * `mostMiB`: of one upload, which this process holds in memory
 */
export function photoInventory({ queue, save, waitSeconds = 30, mostMiB = 100 }) {
  const handler = (req) => refusal(req, mostMiB) ?? analyse(req, queue, save, waitSeconds)
  return { path: '/photo-inventory/analyze', method: 'post', handler }
}

/** Return why a request is not even read; nothing is read for who has not signed in. */
function refusal(req, mostMiB) {
  if (!req.user) return Response.json({ error: SIGN_IN }, { status: 401 })
  const size = Number(req.headers.get('content-length') ?? Infinity)
  if (size <= mostMiB * MIB) return null
  return Response.json({ error: `At most ${mostMiB} MiB of photos, of a length that is said` }, { status: 413 })
}

async function analyse(req, queue, save, waitSeconds) {
  const form = await req.formData()
  const tenant = tenantOf(req.user, form.get('tenant_id'))
  if (!tenant) return Response.json({ error: SIGN_IN }, { status: 401 })
  const photos = photosOf(form)
  if (!photos.length) return Response.json({ error: 'No photos provided' }, { status: 400 })
  try {
    const ids = []
    for (const photo of photos) ids.push(await queue.upload(tenant, photo))
    const job = await queue.submit(tenant, jobFor(form, ids, req.user), { waitSeconds })
    return await answerFor(req, job, save)
  } catch (error) {
    if (!(error instanceof QueueError)) throw error
    req.payload.logger.warn({ msg: 'photos were not analysed', status: error.status, why: error.message })
    const status = error.later ? 503 : error.status
    return Response.json({ error: 'Analysis failed', details: error.message }, { status })
  }
}

function photosOf(form) {
  const named = [...form.entries()].filter(([name, photo]) => PHOTO.test(name) && photo instanceof Blob)
  return named.sort(([one], [other]) => PHOTO.exec(one)[1] - PHOTO.exec(other)[1]).map(([, photo]) => photo)
}

function jobFor(form, ids, user) {
  const text = (name) => form.get(name) || undefined
  return {
    jobType: 'photo_processing',
    priority: 'high',
    userId: String(user.id),
    payload: {
      photos: ids.map((uploadId) => ({ uploadId })),
      sequenceType: text('sequence_type') ?? 'auto_detect',
      location: text('location'),
      description: text('description'),
    },
  }
}

async function answerFor(req, job, save) {
  if (job.status === 'completed') {
    const analysis = inventoryAnalysis(job.result)
    return Response.json({ success: true, analysisId: await save(req, analysis), ...analysis })
  }
  if (job.status === 'failed' || job.status === 'cancelled') {
    return Response.json({ error: 'Analysis failed', details: job.error?.message, jobId: job.id }, { status: 422 })
  }
  return Response.json({ success: true, jobId: job.id, status: job.status }, { status: 202 })
}
