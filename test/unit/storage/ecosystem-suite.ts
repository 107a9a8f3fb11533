/**
 * Runs the suites of the js-stores project under tap. They are written for mocha and for `aegir/chai`, which comes with
 * a whole build system; chai and the two plugins that they use are all they need of it.
 */
import { registerHooks } from 'node:module'
import type { Test } from 'tap'

type Body = () => unknown

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'aegir/chai'
      ? { url: new URL('aegir-chai.ts', import.meta.url).href, shortCircuit: true }
      : next(specifier, context),
})

interface Group {
  readonly name: string
  readonly hooks: Record<'before' | 'beforeEach' | 'afterEach' | 'after', Body[]>
  readonly members: (Group | { readonly name: string; readonly body: Body })[]
}

/** Collects what `define` declares through mocha's globals, then runs it. */
export async function runMochaSuite(t: Test, define: Body): Promise<void> {
  let group = groupOf('')
  const root = group
  const hook = (kind: keyof Group['hooks']) => (body: Body) => group.hooks[kind].push(body)
  Object.assign(globalThis, {
    describe(name: string, body: Body) {
      const outer = group
      group = groupOf(name)
      outer.members.push(group)
      body()
      group = outer
    },
    it: (name: string, body: Body) => group.members.push({ name, body }),
    before: hook('before'),
    beforeEach: hook('beforeEach'),
    afterEach: hook('afterEach'),
    after: hook('after'),
  })
  define()
  await runGroup(t, root)
}

async function runGroup(t: Test, { hooks, members }: Group): Promise<void> {
  t.ok(members.length > 0)
  await runAll(hooks.before)
  for (const member of members) {
    await t.test(member.name, async t => {
      if ('members' in member) return runGroup(t, member)
      await runAll(hooks.beforeEach)
      // tap's time limit is the one that counts.
      await member.body.call({ timeout: () => undefined })
      await runAll(hooks.afterEach)
      t.pass('every expectation held')
    })
  }
  await runAll(hooks.after)
}

async function runAll(bodies: readonly Body[]): Promise<void> {
  for (const body of bodies) await body()
}

function groupOf(name: string): Group {
  return { name, hooks: { before: [], beforeEach: [], afterEach: [], after: [] }, members: [] }
}
