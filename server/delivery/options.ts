/** What a delivery is made of: whom it serves, how, within which bounds, and whom it tells. */
import type { AnswerShapes } from '../answer-shape.ts';
import type { Form } from '../segment.ts';
import type { RetryLimits } from './retry.ts';
import type { Route, Spoken } from './route.ts';

export interface DeliveryLimits extends RetryLimits {
  readonly windowCalls: number;
  readonly windowBytes: number;
  readonly pingIdleMs: number;
}

export interface DeliveryEvents {
  /** The client is given up; told once. The owner unregisters it. */
  readonly evicted: (reason: string) => void;
  /** The client answered `{Success: false}`, which is neither retried nor a reason to drop it. */
  readonly declined: (error: string) => void;
}

export interface DeliveryOptions {
  readonly reader: string;
  readonly form: Form;
  readonly spoken: Spoken;
  readonly route: Route;
  readonly shapes: AnswerShapes;
  readonly limits: DeliveryLimits;
  readonly events: DeliveryEvents;
}
