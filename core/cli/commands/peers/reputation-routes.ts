import { isSkepError } from '../../../errors.ts'
import { cliError } from '../../errors.ts'

/** Says what is missing where the node knows no such route. @throws SkepError REPUTATION_OFF */
export async function withReputation<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!isSkepError(error, 'ROUTE_NOT_FOUND')) throw error
    throw cliError('REPUTATION_OFF', 'the node runs without the plugin reputation', { cause: error })
  }
}
