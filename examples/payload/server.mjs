/**
 * A Payload without its admin pages, with the example in it. The platform has all this in its own configuration.
 *
 * DATABASE_URI, PAYLOAD_SECRET, SPACES_QUEUE_URL, SPACES_QUEUE_KEY, SPACES_QUEUE_WEBHOOK_SECRET, PORT
 */

import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { postgresAdapter } from '@payloadcms/db-postgres'
import { buildConfig, getPayload, handleEndpoints } from 'payload'
import { generationSync, queueWebhook } from './ai-generation.mjs'
import * as collections from './collections.mjs'
import { photoInventory } from './photo-inventory.mjs'
import { createQueue } from './queue.mjs'
import { tenantOf } from './tenants.mjs'

const { env } = process
const queue = createQueue({ url: env.SPACES_QUEUE_URL, key: env.SPACES_QUEUE_KEY })
let sync

async function save(req, analysis) {
  const { confidence, category } = analysis
  const data = { tenantId: tenantOf(req.user), analysis, confidence, category }
  return (await req.payload.create({ collection: 'photoAnalysis', data, req })).id
}

const config = await buildConfig({
  secret: env.PAYLOAD_SECRET,
  telemetry: false,
  db: postgresAdapter({ pool: { connectionString: env.DATABASE_URI }, push: true }),
  collections: [
    collections.users,
    collections.tenants,
    collections.spaces,
    collections.photoAnalyses,
    collections.aiGenerationQueue(() => sync.soon()),
  ],
  endpoints: [photoInventory({ queue, save }), queueWebhook({ queue, secret: env.SPACES_QUEUE_WEBHOOK_SECRET })],
})

const payload = await getPayload({ config })
sync = generationSync({ payload, queue, everySeconds: Number(env.LOOK_EVERY_SECONDS ?? 30) })
const stop = sync.start()

const server = createServer(async (incoming, outgoing) => {
  const answer = await handleEndpoints({ config, request: requestOf(incoming) })
  outgoing.writeHead(answer.status, Object.fromEntries(answer.headers))
  outgoing.end(Buffer.from(await answer.arrayBuffer()))
})
server.listen(Number(env.PORT ?? 3000), '127.0.0.1', () => console.log('ready'))

function requestOf(incoming) {
  const { method, headers, url } = incoming
  const body = ['GET', 'HEAD'].includes(method) ? undefined : Readable.toWeb(incoming)
  return new Request(`http://${headers.host}${url}`, { method, headers, body, duplex: 'half' })
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    stop()
    server.close(async () => {
      await payload.db.destroy?.()
      process.exit(0)
    })
    server.closeAllConnections()
  })
}
