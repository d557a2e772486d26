/** The table of methods: every call that the server answers, one row each. */
import type { ServerMethod } from '../../commons/protocol.ts';
import type { Handler } from '../../commons/rpc/dispatcher.ts';
import type { CallContext } from '../call-context.ts';
import type { Services } from '../services.ts';
import { discover, info } from './about.ts';
import { changePassword, deleteAccount, listLogIns, logIn, logOut, signUp } from './accounts.ts';
import { allow, block, directSettings, setDirectPolicy } from './consent.ts';
import { sendDirect } from './direct.ts';
import { history } from './history.ts';
import { notify, read } from './inbox.ts';
import { sendMessage } from './messages.ts';
import { listUsers } from './people.ts';
import { createRoom, deleteRoom, joinRoom, leaveRoom, listRooms } from './rooms.ts';
import { register, unregister } from './session.ts';

export function methodTable(services: Services): ReadonlyMap<string, Handler<CallContext>> {
  const rows: readonly [ServerMethod, Handler<CallContext>][] = [
    register(services),
    unregister(services),
    sendMessage(services),
    listUsers(services),
    history(services),
    sendDirect(services),
    read(services),
    notify(services),
    allow(services),
    block(services),
    setDirectPolicy(services),
    directSettings(services),
    signUp(services),
    logIn(services),
    logOut(services),
    listLogIns(services),
    changePassword(services),
    deleteAccount(services),
    createRoom(services),
    deleteRoom(services),
    joinRoom(services),
    leaveRoom(services),
    listRooms(services),
    info(services),
    discover(),
  ];
  return new Map(rows);
}
