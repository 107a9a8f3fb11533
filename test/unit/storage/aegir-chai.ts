/** What the suites of js-stores use of `aegir/chai`: chai with promises, and `true()` beside `true`. */
import { Assertion, expect, use } from 'chai'
import chaiAsPromised from 'chai-as-promised'

use((_, utils) => {
  for (const name of ['true', 'false', 'ok', 'exist']) {
    const getter = Object.getOwnPropertyDescriptor(Assertion.prototype, name)?.get
    Reflect.deleteProperty(Assertion.prototype, name)
    utils.addMethod(Assertion.prototype, name, function (this: object, message?: string) {
      if (message) utils.flag(this, 'message', message)
      getter?.call(this)
    })
  }
})
use(chaiAsPromised)

export { expect }
