// What may be asked of legs of the queue, as the server decides it (crates/domain/src/relay.rs).
import { LEG_STATES, type Leg, type LegState } from './types';

export const ORDERS = ['retry', 'hold', 'release', 'not-delivered', 'delivered', 'drop'] as const;
export type Order = (typeof ORDERS)[number];

/** Orders that somebody may regret: they are given after a look at what they do. */
export const FINAL: readonly Order[] = ['not-delivered', 'delivered', 'drop'];

const BY_STATE: Partial<Record<LegState, readonly Order[]>> = {
  waiting: ['retry', 'hold', 'drop'],
  held: ['release', 'drop'],
  uncertain: ['not-delivered', 'delivered', 'drop'],
};

/** Whether the server would do anything. */
export const applies = (order: Order, state: LegState): boolean =>
  BY_STATE[state]?.includes(order) ?? false;

/** Whether it is still under way. */
export const underWay = (state: LegState): boolean =>
  LEG_STATES.indexOf(state) <= LEG_STATES.indexOf('held');

/** Legs in a state (or any) in which every word of the text stands somewhere. */
export function matching(legs: readonly Leg[], state: LegState | '', text: string): Leg[] {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  return legs.filter((leg) => {
    if (state && leg.state !== state) return false;
    const last = leg.attempts.at(-1);
    const known = [leg.id, leg.sender, leg.recipient, leg.place, leg.why, leg.sha256, last?.words];
    const all = known.join('\n').toLowerCase();
    return wanted.every((word) => all.includes(word));
  });
}

/** Tries of which the words are not kept any more. */
export function forgotten({ tries, attempts }: Pick<Leg, 'tries' | 'attempts'>): number {
  const tried = ['accepted', 'temporary', 'permanent', 'uncertain'];
  return Math.max(tries - attempts.filter(({ verdict }) => tried.includes(verdict)).length, 0);
}

/** Seconds from one time to another; of no time at all, 0. */
export const secondsTo = (from: number, value: string): number =>
  (Date.parse(value) - from) / 1000 || 0;
