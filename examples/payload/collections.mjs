/** The collections of the platform that the example touches, with the fields that it reads and writes. */

import { COLLECTION } from './ai-generation.mjs'

const select = (name, options, defaultValue) => ({ name, type: 'select', options, defaultValue })
const text = (name) => ({ name, type: 'text' })
const signedIn = ({ req }) => Boolean(req.user)

export const users = {
  slug: 'users',
  auth: true,
  fields: [select('globalRole', ['super_admin', 'platform_admin', 'user'], 'user'), relation('tenant', 'tenants')],
}
export const tenants = { slug: 'tenants', fields: [text('name')] }
export const spaces = { slug: 'spaces', fields: [text('name'), relation('tenant', 'tenants')] }

export const photoAnalyses = {
  slug: 'photoAnalysis',
  fields: [text('tenantId'), { name: 'analysis', type: 'json' }, { name: 'confidence', type: 'number' }, text('category')],
}

/** `soon`: called when a row was saved; see `generationSync` */
export const aiGenerationQueue = (soon) => ({
  slug: COLLECTION,
  dbName: 'ai_generation_queue',
  access: { create: signedIn, read: signedIn, update: signedIn },
  hooks: { afterChange: [({ doc }) => (doc.status === 'queued' ? soon() : undefined)] },
  fields: [
    { ...relation('space', 'spaces'), required: true },
    { ...select('generationType', TYPES), required: true },
    {
      name: 'sourceData',
      type: 'group',
      fields: [
        ...['youtubeChannelId', 'brandingGuidelines', 'targetAudience'].map(text),
        { name: 'contentThemes', type: 'array', fields: [{ ...text('theme'), required: true }] },
      ],
    },
    {
      name: 'parameters',
      type: 'group',
      fields: [
        select('productType', ['coffee_mug', 't_shirt', 'sticker_pack', 'poster', 'hoodie', 'phone_case']),
        select('styleGuide', ['modern', 'vintage', 'bold', 'minimalist', 'handdrawn'], 'modern'),
        { name: 'colorScheme', type: 'array', fields: [{ ...text('color'), required: true }] },
        {
          name: 'textElements',
          type: 'array',
          fields: [{ ...text('text'), required: true }, select('emphasis', ['primary', 'secondary', 'accent'], 'primary')],
        },
        { name: 'customPrompt', type: 'textarea' },
      ],
    },
    { ...select('status', ['queued', 'processing', 'completed', 'failed', 'cancelled'], 'queued'), required: true },
    { name: 'progress', type: 'number', min: 0, max: 100, defaultValue: 0 },
    { name: 'generatedText', type: 'textarea' },
    select('approvalStatus', ['pending', 'approved', 'revision', 'rejected'], 'pending'),
    { ...relation('tenant', 'tenants'), required: true },
    {
      name: 'processingMetadata',
      type: 'group',
      fields: [
        text('modelUsed'),
        { name: 'processingTime', type: 'number' },
        { name: 'tokensUsed', type: 'number' },
        { name: 'errorMessage', type: 'textarea' },
      ],
    },
  ],
})

const TYPES = ['merchandise_design', 'social_content', 'product_description', 'blog_post', 'marketing_copy']

function relation(name, relationTo) {
  return { name, type: 'relationship', relationTo }
}
