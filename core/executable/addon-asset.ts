/** Asset with lmdb's addon for the system of the executable. */
export const ADDON_ASSET = 'lmdb.node'
