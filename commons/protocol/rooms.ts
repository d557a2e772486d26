/** Making, entering, leaving and finding rooms. */
import * as v from 'valibot';
import { DEFAULT_LIMITS } from '../limits.ts';
import { roomNameProblem } from '../text.ts';
import { opaque, Room, ruled, Seq, Session, Success, text, UserID, whole } from './fields.ts';

const { nameCharacters } = DEFAULT_LIMITS;
const RoomName = ruled('Name', (name) => roomNameProblem(name, nameCharacters), {
  maxLength: nameCharacters,
  description: 'what people call the room, may be shared, but not with the lobby; the same rules as for the Name of a client',
});
const Code = text('Room', 256, 'code of a room, in capital or small letters');
const Password = (description: string) => v.optional(text('Password', 1024, description));

/** A room as `ListRooms` shows it. */
const ListedRoom = v.object({
  Room: v.string(),
  Name: v.string(),
  Members: v.pipe(v.number(), v.description('who is in it now')),
  Protected: v.pipe(v.boolean(), v.description('it takes a password to enter')),
  Joined: v.optional(v.pipe(v.literal(true), v.description('the caller is in it'))),
  Owned: v.optional(v.pipe(v.literal(true), v.description('the caller owns it'))),
});
export type ListedRoom = v.InferOutput<typeof ListedRoom>;

/** What the members of a deleted room are told: by this sentence a client knows that the room is gone. */
export const roomDeleted = (name: string): string => `The room ${name} was deleted by its owner.`;

export const ROOM_METHODS = {
  'ChatServer.CreateRoom': {
    summary: 'Make a room: the caller owns it and is its first member.',
    caller: 'registered',
    params: v.object({ UserID, Session, Name: RoomName, Password: Password('what others have to know to enter') }),
    result: v.object({ Success, Code: v.string() }),
  },
  'ChatServer.DeleteRoom': {
    summary: 'Delete a room that the caller owns, with all that was said in it; its members are told.',
    caller: 'registered',
    params: v.object({ UserID, Session, Room: Code }),
    result: v.object({ Success }),
  },
  'ChatServer.JoinRoom': {
    summary: 'Enter a room, or begin again at another place of one that the caller is in.',
    caller: 'registered',
    params: v.object({
      UserID,
      Session,
      Room: Code,
      Password: Password('where the room has one; its owner needs none'),
      ResumeAfter: v.optional(
        whole('ResumeAfter', 0, Number.MAX_SAFE_INTEGER, 'the last Seq of this room seen; everything after it is delivered'),
      ),
      Epoch: v.optional(opaque('Epoch', 'the life of the history that ResumeAfter belongs to; the present one when left out')),
    }),
    result: v.object({ Success, Room, Name: v.string(), Seq }),
  },
  'ChatServer.LeaveRoom': {
    summary: 'Leave a room.',
    caller: 'registered',
    params: v.object({ UserID, Session, Room: Code }),
    result: v.object({ Success }),
  },
  'ChatServer.ListRooms': {
    summary: 'Which rooms there are: those of the caller first, then the most populated ones.',
    caller: 'registered',
    params: v.object({ UserID, Session }),
    result: v.object({ Success, Rooms: v.array(ListedRoom) }),
  },
} as const;
