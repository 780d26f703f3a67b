/** Which tenant a request is for. The credential says so, never the form: else anybody acts for anybody. */

/** The id of a relation, which Payload gives as such or as the whole document. */
export const idOf = (relation) => (relation && typeof relation === 'object' ? relation.id : relation)

/** The queue's name of a Payload tenant, from a relation as Payload gives it. */
export const tenantName = (relation) => String(idOf(relation))

/** Return the tenant a signed-in user acts for, null when none. Admins of the platform may name one. */
export function tenantOf(user, named) {
  if (!user) return null
  if (['super_admin', 'platform_admin'].includes(user.globalRole)) return named ? tenantName(named) : null
  return idOf(user.tenant) == null ? null : tenantName(user.tenant)
}
