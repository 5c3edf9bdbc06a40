// What a reader's roles open. The server decides; here only what it would refuse is not offered.
import type { Me } from './types';

export interface Rights {
  /** Mail of addresses that they own. */
  own: boolean;
  /** Any mail, their own or in a case. */
  mail: boolean;
  /** Imports and storage, to look at. */
  observe: boolean;
  /** New imports, and taking imports back. */
  add: boolean;
  /** The queue, domains and recipients. */
  manage: boolean;
}

export function rights({ roles, cases }: Pick<Me, 'roles' | 'cases'>): Rights {
  const has = (...known: string[]) => known.some((role) => roles.includes(role));
  const own = has('user', 'operator');
  return {
    own,
    mail: own || cases.length > 0,
    observe: has('admin', 'officer', 'operator'),
    add: has('admin', 'operator'),
    manage: has('admin', 'operator'),
  };
}
