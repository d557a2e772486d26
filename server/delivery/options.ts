/** What a delivery is made of: whom it serves and how, and what all deliveries of a server share. */
import type { AnswerShapes } from '../answer-shape.ts';
import type { Form } from '../segment.ts';
import type { Gathering } from './gathering.ts';
import type { RetryLimits } from './retry.ts';
import type { Route } from './route.ts';

export interface DeliveryLimits extends RetryLimits {
  readonly windowCalls: number;
  readonly windowBytes: number;
  readonly pingIdleMs: number;
}

/** A client lags that has left so many messages unanswered; where its answers gather, the oldest for so long. */
export const LAGGING = { messages: 100, ms: 300 };

export interface DeliveryEvents {
  /** A client is given up; told once. The owner unregisters it if `delivery` is still the one that serves `reader`. */
  readonly evicted: (reader: string, delivery: object, reason: string) => void;
  /** A client answered `{Success: false}`, which is neither retried nor a reason to drop it. */
  readonly declined: (reader: string, error: string) => void;
}

/** Shared by all deliveries of a server. */
export interface DeliveryMeans {
  readonly shapes: AnswerShapes;
  readonly gathering: Gathering;
  readonly limits: DeliveryLimits;
  readonly events: DeliveryEvents;
}

export interface Reader {
  /** The client's ID. */
  readonly id: string;
  readonly form: Form;
  readonly route: Route;
}
