// Made by `partyline events --typescript` from src/app/events.def: change it there.

/** What a client may send. */
export type SentType = "TEXT" | "IMAGE" | "VIDEO";

/** What a message is; SYSTEM is said by the server. */
export type MessageType = "TEXT" | "IMAGE" | "VIDEO" | "SYSTEM";

/** How a user may wish to be shown. */
export type ChosenStatus = "online" | "away" | "busy";

/** How a user is. */
export type PresenceStatus = "online" | "away" | "busy" | "offline";

/** Where a party is in its life. */
export type PartyStatus = "PLANNED" | "LIVE" | "ENDED" | "CANCELLED";

/** What a device is. */
export type Platform = "IOS" | "ANDROID" | "WEB";

/** What a notification is about. */
export type NotificationType = "NEW_FOLLOWER" | "NEW_RSVP" | "PARTY_REMINDER" | "NEW_MESSAGE" | "PARTY_LIVE" | "TAGGED_IN_MEDIA";

/** What was done to a message. */
export type ChangeKind = "edit" | "delete" | "react" | "unreact";

/** Why an event was refused. Newer servers may have more. */
export type RefusalCode = "bad_request" | "too_long" | "too_many" | "rate_limited" | "busy" | "internal" | "forbidden" | "invalid_token" | "token_expired" | "token_revoked" | "not_a_member" | "not_found" | (string & {});

/** Who said something. */
export interface Sender {
    /** The user's id. */
    id: string;
    /** As the user's token says, in histories as the user is called today. */
    username: string | null;
    /** The user's picture. */
    avatarUrl: string | null;
}

/** The message that another one answers, as it was when the server read it. */
export interface Reply {
    /** Its id. */
    id: string;
    /** Who said it; null when it is gone from the database. */
    senderId: string | null;
    /** The sender's name. */
    username: string | null;
    /** The beginning of its text. */
    content: string;
    /** What it is. */
    type: MessageType;
    /** Whether it was deleted. */
    deleted: boolean;
}

/** How many users reacted to a message with an emoji. */
export interface Reaction {
    /** The emoji. */
    emoji: string;
    /** Users. */
    count: number;
    /** Whether the user this is sent to is one of them. */
    mine: boolean;
}

/** A message in a room. */
export interface Message {
    /** Unique. */
    id: string;
    /** Where it was said. */
    roomId: string;
    /** Who said it. */
    senderId: string;
    /** Who said it. */
    sender: Sender;
    /** The text; empty when there is only media. */
    content: string;
    /** What it is. */
    type: MessageType;
    /** Where the picture or video is. */
    mediaUrl: string | null;
    /** When it was saved; never before that of the message before. */
    createdAt: string;
    /** Its number in the room's log, the same for everybody. A log counts 1, 2, 3, ... without gaps; an entry is a message or a change to one. */
    seq: number;
    /** Number of the last change to it, seq when there was none: of two states of a message the one with the higher rev is the newer. */
    rev: number;
    /** What its sender called it. */
    clientId?: string;
    /** When it was last edited. */
    editedAt?: string;
    /** When it was deleted; then there is no content, media or reaction. */
    deletedAt?: string;
    /** What it answers. */
    replyTo?: Reply;
    /** In the order of their first use. */
    reactions?: Reaction[];
}

/** A change to a message, as the room's log has it. */
export interface Change {
    /** Its number in the log. */
    seq: number;
    /** What was done. */
    kind: ChangeKind;
    /** To which message. */
    messageId: string;
    /** By whom. */
    userId: string;
    /** When. */
    at: string;
    /** Which, of reactions. */
    emoji?: string;
}

/** Why a room has no answer. */
export interface RoomError {
    /** For programs: one of the refusal codes. */
    code: string;
    /** For people. */
    message: string;
}

/** A piece of a room's log, from behind afterSeq up to seq. */
export interface RoomLog {
    /** The room. */
    roomId: string;
    /** Then nothing else is there. */
    error?: RoomError;
    /** All that were said or changed in the piece, as they are now, by seq. */
    messages?: Message[];
    /** The changes in the piece, by seq. */
    changes?: Change[];
    /** How far the piece goes: the next afterSeq. */
    seq?: number;
    /** How far the log goes. */
    lastSeq?: number;
    /** Whether there is more of it. */
    more?: boolean;
}

/** What a user has not read in a room. */
export interface Unread {
    /** The room. */
    roomId: string;
    /** The user's cursor: read up to here. */
    seq: number;
    /** How far the room's log goes. */
    lastSeq: number;
    /** Messages of others behind the cursor that are not deleted, among the next 1000. */
    unread: number;
    /** Whether there are messages behind those 1000. */
    more: boolean;
}

/** How a user is. */
export interface UserPresence {
    /** Who. */
    userId: string;
    /** Whether one of the user's devices is connected, or was some seconds ago. */
    isOnline: boolean;
    /** How the user is. */
    status: PresenceStatus;
    /** When the user last came, went or chose a status; null when the server does not remember. */
    lastSeen: string | null;
}

/** Something that happened and concerns a user. */
export interface Notification {
    /** Unique. */
    id: string;
    /** What it is about. */
    type: NotificationType;
    /** In a few words. */
    title: string;
    /** In a sentence or two. */
    body: string;
    /** For programs: what the service that made it put there. */
    data?: unknown;
    /** Whether the user has seen it. */
    isRead: boolean;
    /** When it was saved. */
    createdAt: string;
}

/** Why an acknowledged event was refused. */
export interface RefusalError {
    /** For programs: one of the refusal codes. */
    code: string;
    /** For people. */
    message: string;
    /** When it may work again. */
    retryAfterMs?: number;
}

/** A room, and how far the client knows it. */
export interface SyncRoom {
    /** A room the user may enter. */
    roomId: string;
    /** The last seq of its log that the client has; 0 for none. */
    afterSeq: number;
}

/** The answer to an event that was refused. */
export interface Refused {
    ok: false;
    error: RefusalError;
}

/** The answer to an event. */
export type Answer<Result = {}> = ({ ok: true } & Result) | Refused;

/** An acknowledgement callback. */
export type Acknowledge<Result = {}> = (answer: Answer<Result>) => void;

/** Enters a room. The socket gets chat:history, the others in the room chat:user_joined. */
export interface ChatJoinPayload {
    /** The room to enter. */
    roomId: string;
}

/** What the acknowledgement has beside ok. */
export interface ChatJoinResult {
    /** The room entered. */
    roomId: string;
    /** How far the room's log went when the history was read. */
    lastSeq: number;
}

/** Leaves a room; the others get chat:user_left. Leaving a room one is not in is no error. */
export interface ChatLeavePayload {
    /** The room to leave. */
    roomId: string;
}

/** Says something in a room: saved, then told to everybody in it as chat:new_message, then acknowledged. */
export interface ChatMessagePayload {
    /** A room that was joined. */
    roomId: string;
    /** The text; may be empty when there is a mediaUrl. */
    content?: string | null;
    /** TEXT when absent. */
    type?: SentType | null;
    /** http or https URL of a picture or video. */
    mediaUrl?: string | null;
    /** The client's own name for the message. A second message of the same sender, room and clientId is not saved again: it is acknowledged as the first was. */
    clientId?: string | null;
    /** The id of the message of this room that it answers. */
    replyTo?: string | null;
}

/** What the acknowledgement has beside ok. */
export interface ChatMessageResult {
    /** The message's id. */
    id: string;
    /** Its number in the room. */
    seq: number;
    /** When it was saved. */
    createdAt: string;
}

/** Says that the user types, or no longer; the others in the room get chat:user_typing. Who says nothing more for CHAT_TYPING_TTL, leaves or loses the connection is said to have stopped. */
export interface ChatTypingPayload {
    /** A room that was joined. */
    roomId: string;
    /** Whether the user types. */
    isTyping: boolean;
}

/** Pages of what was said, the last page without before and after. Without an acknowledgement the answer is the event chat:history. */
export interface ChatHistoryPayload {
    /** A room the user may enter. */
    roomId: string;
    /** The messages before this seq, the nearest. */
    before?: number | null;
    /** The messages after this seq, the nearest. */
    after?: number | null;
    /** How many at most; 50 when absent. */
    limit?: number | null;
}

/** What the acknowledgement has beside ok. */
export interface ChatHistoryResult {
    /** The room. */
    roomId: string;
    /** Oldest first, as they are now. */
    messages: Message[];
    /** Whether there are more on that side. */
    more: boolean;
    /** How far the room's log goes. */
    lastSeq: number;
}

/** What happened in rooms since the client was there: either roomId and afterSeq, or rooms. At most 100 entries of a room's log and 200 in all; `more` tells to ask again from `seq`. Join before, and nothing falls between. Without an acknowledgement the answer is the event chat:sync. */
export interface ChatSyncPayload {
    /** One room. */
    roomId?: string | null;
    /** The last seq of its log that the client has; 0 for none. */
    afterSeq?: number | null;
    /** Several rooms. */
    rooms?: SyncRoom[] | null;
}

/** What the acknowledgement has beside ok. */
export interface ChatSyncResult {
    /** When asked for several: one for each, in that order. */
    rooms?: RoomLog[];
    /** When asked for one: the members of its RoomLog, this one and the following. */
    roomId?: string;
    /** See RoomLog. */
    messages?: Message[];
    /** See RoomLog. */
    changes?: Change[];
    /** See RoomLog. */
    seq?: number;
    /** See RoomLog. */
    lastSeq?: number;
    /** See RoomLog. */
    more?: boolean;
}

/** Changes the text of an own message; everybody in the room gets chat:message_edited. The same text once more is acknowledged and told to nobody. */
export interface ChatEditPayload {
    /** A room that was joined. */
    roomId: string;
    /** The message. */
    messageId: string;
    /** The new text; may be empty when there is media. */
    content: string;
}

/** What the acknowledgement has beside ok. */
export interface ChatEditResult {
    /** The message. */
    messageId: string;
    /** The number of the change in the room's log. */
    seq: number;
    /** When. */
    editedAt: string;
}

/** Takes back a message: an own one, or any by host and cohosts. Its place stays, its content goes; everybody in the room gets chat:message_deleted. */
export interface ChatDeletePayload {
    /** A room that was joined. */
    roomId: string;
    /** The message. */
    messageId: string;
}

/** What the acknowledgement has beside ok. */
export interface ChatDeleteResult {
    /** The message. */
    messageId: string;
    /** The number of the change in the room's log. */
    seq: number;
    /** When. */
    deletedAt: string;
}

/** Puts an emoji to a message; everybody in the room gets chat:reaction. A message has at most 20 different ones. */
export interface ChatReactPayload {
    /** A room that was joined. */
    roomId: string;
    /** The message. */
    messageId: string;
    /** The emoji. */
    emoji: string;
}

/** What the acknowledgement has beside ok. */
export interface ChatReactResult {
    /** The message. */
    messageId: string;
    /** The number of the change in the room's log; of the message's last one when nothing changed. */
    seq: number;
    /** The emoji. */
    emoji: string;
    /** Users with it now. */
    count: number;
}

/** Takes an own emoji back; everybody in the room gets chat:reaction. */
export interface ChatUnreactPayload {
    /** A room that was joined. */
    roomId: string;
    /** The message. */
    messageId: string;
    /** The emoji. */
    emoji: string;
}

/** What the acknowledgement has beside ok. */
export interface ChatUnreactResult {
    /** The message. */
    messageId: string;
    /** The number of the change in the room's log; of the message's last one when nothing changed. */
    seq: number;
    /** The emoji. */
    emoji: string;
    /** Users with it now. */
    count: number;
}

/** Moves the user's cursor in a room forward; it never goes back. The user's other devices get chat:unread. */
export interface ChatReadPayload {
    /** A room the user may enter. */
    roomId: string;
    /** Everything up to this number was read. */
    seq: number;
}

/** What the acknowledgement has beside ok. */
export interface ChatReadResult {
    /** The room. */
    roomId: string;
    /** Where the cursor is now. */
    seq: number;
    /** How far the room's log goes. */
    lastSeq: number;
    /** As in Unread. */
    unread: number;
    /** As in Unread. */
    more: boolean;
}

/** What the acknowledgement has beside ok. */
export interface ChatUnreadResult {
    /** The one with the latest message first. */
    rooms: Unread[];
    /** Whether there are more rooms. */
    more: boolean;
}

/** No pushes for a room any more, or again; without muted it only asks. Muted rooms do not count in badges. */
export interface ChatMutePayload {
    /** A room the user may enter. */
    roomId: string;
    /** True or false; absent: as it is. */
    muted?: boolean | null;
    /** When it ends by itself, in milliseconds since 1970; absent: never. */
    until?: number | null;
}

/** What the acknowledgement has beside ok. */
export interface ChatMuteResult {
    /** The room. */
    roomId: string;
    /** How it is now. */
    muted: boolean;
    /** When it ends; absent: never, or it is not muted. */
    until?: number;
}

/** What the acknowledgement has beside ok. */
export interface PresenceStatusResult {
    /** What was chosen. */
    status: ChosenStatus;
}

/** What the acknowledgement has beside ok. */
export interface PresenceCheckResult {
    /** The same as in presence:status_list. */
    users: UserPresence[];
}

/** What the acknowledgement has beside ok. */
export interface PresenceSubscribeResult {
    /** The same as in presence:status_list. */
    users: UserPresence[];
}

/** Watches a party: the host, cohosts and guests GOING or MAYBE may, and everybody when it is not private. The other viewers get party:viewer_joined, or in a large party party:viewer_count. */
export interface PartyJoinPayload {
    /** The party. */
    partyId: string;
}

/** What the acknowledgement has beside ok. */
export interface PartyJoinResult {
    /** Users who watch now, this one included. */
    viewerCount: number;
    /** Where the party is in its life. */
    status: PartyStatus;
}

/** Stops watching, as does the end of the connection. The other viewers get party:viewer_left, or in a large party party:viewer_count. Leaving a party one does not watch is no error. */
export interface PartyLeavePayload {
    /** The party. */
    partyId: string;
}

/** What the acknowledgement has beside ok. */
export interface PartyLeaveResult {
    /** Users who watch now; not when this socket did not. */
    viewerCount?: number;
}

/** What the acknowledgement has beside ok. */
export interface NotificationsMarkReadResult {
    /** Those that changed. */
    ids: string[];
    /** How many are unread now, counted up to 1000. */
    unread: number;
}

/** What the acknowledgement has beside ok. */
export interface NotificationsMarkAllReadResult {
    /** How many were unread. */
    changed: number;
    /** How many are unread now, counted up to 1000. */
    unread: number;
}

/** The user's notifications in pages, newest first. Without an acknowledgement the answer is the event notifications:list. */
export interface NotificationsListPayload {
    /** Older ones than those of a page: its `next`. */
    before?: string | null;
    /** How many at most; 50 when absent. */
    limit?: number | null;
    /** Only those that are unread. */
    unread?: boolean | null;
}

/** What the acknowledgement has beside ok. */
export interface NotificationsListResult {
    /** Newest first. */
    notifications: Notification[];
    /** There when there are older ones: the `before` of the next page. */
    next?: string;
    /** How many are unread in all, counted up to 1000. */
    unread: number;
}

/** What the acknowledgement has beside ok. */
export interface NotificationsUnreadResult {
    /** Counted up to 1000. */
    unread: number;
}

/** This device is to get pushes while the user is away. A token that was another user's is this user's from now on; of too many the oldest goes. */
export interface PushRegisterPayload {
    /** What the service gave: the token of FCM, APNs or Expo as a text of at most 4096 bytes; in browsers the PushSubscription, as an object or as JSON text. */
    token: unknown;
    /** What kind of device it is. */
    platform: Platform;
}

/** This device is to get no pushes any more, as before a logout. An unknown token is no error. */
export interface PushUnregisterPayload {
    /** As in push:register. */
    token: unknown;
}

/** What the acknowledgement has beside ok. */
export interface PushUnregisterResult {
    /** Whether it was there. */
    removed: boolean;
}

/** What the acknowledgement has beside ok. */
export interface PushKeyResult {
    /** The server's VAPID key, base64url. */
    key: string;
}

/** Says what this device shows, until it says something else or disconnects. A user with a connected device that answers gets no pushes; a device that is away counts only for the room it names. */
export interface PushFocusPayload {
    /** The room that is open; absent: none. */
    roomId?: string | null;
    /** True: the app is in the background, the page is hidden. */
    away?: boolean | null;
}

/** Shows a new token of the same user, so that the connection may go on when the old one expires. */
export interface AuthRefreshPayload {
    /** The new token. */
    token: string;
}

/** What the acknowledgement has beside ok. */
export interface AuthRefreshResult {
    /** When it expires; absent when it never does. */
    expiresAt?: string;
}

/** To who joined: the last messages of the room. To who asked for a page: that page. */
export interface ChatHistoryEvent {
    /** The room. */
    roomId: string;
    /** After a join at most 50, oldest first. */
    messages: Message[];
    /** Whether there are more on that side. */
    more: boolean;
    /** How far the room's log goes. */
    lastSeq: number;
}

/** To who asked for it without an acknowledgement. */
export interface ChatSyncEvent {
    /** One for each room asked for. */
    rooms: RoomLog[];
}

/** To everybody in the room: a message has a new text. */
export interface ChatMessageEditedEvent {
    /** Where. */
    roomId: string;
    /** Which message. */
    messageId: string;
    /** The number of the change in the room's log, and the message's new rev. */
    seq: number;
    /** Who did it. */
    userId: string;
    /** The new text. */
    content: string;
    /** When. */
    editedAt: string;
}

/** To everybody in the room: a message was deleted. */
export interface ChatMessageDeletedEvent {
    /** Where. */
    roomId: string;
    /** Which message. */
    messageId: string;
    /** The number of the change in the room's log, and the message's new rev. */
    seq: number;
    /** Who did it. */
    userId: string;
    /** When. */
    deletedAt: string;
}

/** To everybody in the room: somebody reacted to a message, or no longer does. */
export interface ChatReactionEvent {
    /** Where. */
    roomId: string;
    /** Which message. */
    messageId: string;
    /** The number of the change in the room's log, and the message's new rev. */
    seq: number;
    /** Who. */
    userId: string;
    /** The emoji. */
    emoji: string;
    /** Whether it was put there or taken back. */
    added: boolean;
    /** Users with it now. */
    count: number;
}

/** To the user's other devices when one has read, and to who asked for it without an acknowledgement. */
export interface ChatUnreadEvent {
    /** The rooms it is about. */
    rooms: Unread[];
}

/** To the others in the room: somebody entered. */
export interface ChatUserJoinedEvent {
    /** Who. */
    userId: string;
    /** Where. */
    roomId: string;
    /** When. */
    timestamp: string;
}

/** To the others in the room: somebody left. */
export interface ChatUserLeftEvent {
    /** Who. */
    userId: string;
    /** Where. */
    roomId: string;
    /** When. */
    timestamp: string;
}

/** To the others in the room: somebody types, or no longer. */
export interface ChatUserTypingEvent {
    /** Who. */
    userId: string;
    /** The user's name. */
    username: string | null;
    /** Whether the user types. */
    isTyping: boolean;
    /** Where. */
    roomId: string;
}

/** Somebody came, went (some seconds after the last device was gone) or chose a status. To everybody or to followers and subscribers, as PRESENCE_AUDIENCE says; to the user's other devices when a status was chosen. Changes that follow each other quickly are told as one. */
export interface PresenceUpdateEvent {
    /** Who. */
    userId: string;
    /** How the user is now. */
    status: PresenceStatus;
    /** When the user went; with OFFLINE only. */
    lastSeen?: string;
}

/** To the other viewers of a party that is not large: a user watches who did not before, on any device. */
export interface PartyViewerJoinedEvent {
    /** Who. */
    userId: string;
    /** What. */
    partyId: string;
    /** Users who watch now. */
    viewerCount: number;
}

/** To the other viewers of a party that is not large: a user no longer watches, on no device. */
export interface PartyViewerLeftEvent {
    /** Who. */
    userId: string;
    /** What. */
    partyId: string;
    /** Users who watch now. */
    viewerCount: number;
}

/** To the viewers of a large party (more than PARTY_ANNOUNCE_LIMIT), in place of joins and leaves: how many watch now, at most once in PARTY_COUNT_INTERVAL. */
export interface PartyViewerCountEvent {
    /** What. */
    partyId: string;
    /** Users who watch now. */
    viewerCount: number;
}

/** To the viewers of a party: it began, ended or was cancelled. */
export interface PartyStatusChangedEvent {
    /** The party. */
    partyId: string;
    /** What it is now. */
    status: PartyStatus;
}

/** To the viewers of a party: a picture, video or sound was added. */
export interface PartyNewMediaEvent {
    /** The party. */
    partyId: string;
    /** As the service that stores media describes it. */
    media: unknown;
}

/** To the user's other devices: one has marked notifications as read. */
export interface NotificationsReadEvent {
    /** Those that changed; absent when it was all. */
    ids?: string[];
    /** True when it was all. */
    all?: boolean;
    /** How many are unread now, counted up to 1000. */
    unread: number;
}

/** To who asked for it without an acknowledgement. */
export interface NotificationsListEvent {
    /** Newest first. */
    notifications: Notification[];
    /** There when there are older ones: the `before` of the next page. */
    next?: string;
    /** How many are unread in all, counted up to 1000. */
    unread: number;
}

/** To who asked for it without an acknowledgement. */
export interface NotificationsUnreadEvent {
    /** Counted up to 1000. */
    unread: number;
}

/** To a socket: its token expires soon, JWT_EXPIRY_NOTICE before it does. Without auth:refresh the connection ends behind it, with `error` token_expired. */
export interface AuthExpiringEvent {
    /** When; JWT_LEEWAY is added for the connection. */
    expiresAt: string;
    /** Milliseconds until then. */
    inMs: number;
}

/** To the socket whose event was refused, whether or not it asked for an acknowledgement. */
export interface ErrorEvent {
    /** For people. */
    message: string;
    /** For programs: one of the refusal codes. */
    code: string;
    /** The event that was refused. */
    event: string;
    /** When it may work again. */
    retryAfterMs?: number;
}

/** What clients send. Every event may be acknowledged. */
export interface ClientToServerEvents {
    /** Enters a room. The socket gets chat:history, the others in the room chat:user_joined. */
    "chat:join": (payload: ChatJoinPayload, ack?: Acknowledge<ChatJoinResult>) => void;
    /** Leaves a room; the others get chat:user_left. Leaving a room one is not in is no error. */
    "chat:leave": (payload: ChatLeavePayload, ack?: Acknowledge) => void;
    /** Says something in a room: saved, then told to everybody in it as chat:new_message, then acknowledged. */
    "chat:message": (payload: ChatMessagePayload, ack?: Acknowledge<ChatMessageResult>) => void;
    /** Says that the user types, or no longer; the others in the room get chat:user_typing. Who says nothing more for CHAT_TYPING_TTL, leaves or loses the connection is said to have stopped. */
    "chat:typing": (payload: ChatTypingPayload, ack?: Acknowledge) => void;
    /** Pages of what was said, the last page without before and after. Without an acknowledgement the answer is the event chat:history. */
    "chat:history": (payload: ChatHistoryPayload, ack?: Acknowledge<ChatHistoryResult>) => void;
    /** What happened in rooms since the client was there: either roomId and afterSeq, or rooms. At most 100 entries of a room's log and 200 in all; `more` tells to ask again from `seq`. Join before, and nothing falls between. Without an acknowledgement the answer is the event chat:sync. */
    "chat:sync": (payload?: ChatSyncPayload, ack?: Acknowledge<ChatSyncResult>) => void;
    /** Changes the text of an own message; everybody in the room gets chat:message_edited. The same text once more is acknowledged and told to nobody. */
    "chat:edit": (payload: ChatEditPayload, ack?: Acknowledge<ChatEditResult>) => void;
    /** Takes back a message: an own one, or any by host and cohosts. Its place stays, its content goes; everybody in the room gets chat:message_deleted. */
    "chat:delete": (payload: ChatDeletePayload, ack?: Acknowledge<ChatDeleteResult>) => void;
    /** Puts an emoji to a message; everybody in the room gets chat:reaction. A message has at most 20 different ones. */
    "chat:react": (payload: ChatReactPayload, ack?: Acknowledge<ChatReactResult>) => void;
    /** Takes an own emoji back; everybody in the room gets chat:reaction. */
    "chat:unreact": (payload: ChatUnreactPayload, ack?: Acknowledge<ChatUnreactResult>) => void;
    /** Moves the user's cursor in a room forward; it never goes back. The user's other devices get chat:unread. */
    "chat:read": (payload: ChatReadPayload, ack?: Acknowledge<ChatReadResult>) => void;
    /** What is unread in the user's rooms: those of parties hosted or attended, and public ones with a cursor. The 100 with the latest messages. Without an acknowledgement the answer is the event chat:unread. */
    "chat:unread": (ack?: Acknowledge<ChatUnreadResult>) => void;
    /** No pushes for a room any more, or again; without muted it only asks. Muted rooms do not count in badges. */
    "chat:mute": (payload: ChatMutePayload, ack?: Acknowledge<ChatMuteResult>) => void;
    /** Chooses how the user is shown while one of the user's sockets is connected. */
    "presence:status": (status: ChosenStatus, ack?: Acknowledge<PresenceStatusResult>) => void;
    /** Asks how users are. Answered with presence:status_list. */
    "presence:check": (userIds: string[], ack?: Acknowledge<PresenceCheckResult>) => void;
    /** Asks to be sent presence:update of these users, too. Answered with presence:status_list. A socket can watch 500 users, counted together with those its user follows. */
    "presence:subscribe": (userIds: string[], ack?: Acknowledge<PresenceSubscribeResult>) => void;
    /** Ends what presence:subscribe began; for followed users, too, as long as the socket lives. */
    "presence:unsubscribe": (userIds: string[], ack?: Acknowledge) => void;
    /** Watches a party: the host, cohosts and guests GOING or MAYBE may, and everybody when it is not private. The other viewers get party:viewer_joined, or in a large party party:viewer_count. */
    "party:join_live": (payload: PartyJoinPayload, ack?: Acknowledge<PartyJoinResult>) => void;
    /** Stops watching, as does the end of the connection. The other viewers get party:viewer_left, or in a large party party:viewer_count. Leaving a party one does not watch is no error. */
    "party:leave_live": (payload: PartyLeavePayload, ack?: Acknowledge<PartyLeaveResult>) => void;
    /** Marks notifications as read. Only the user's own ones change; ids of others, unknown ones and those that were read before are passed over. The user's other devices get notifications:read. */
    "notifications:mark_read": (ids: string[], ack?: Acknowledge<NotificationsMarkReadResult>) => void;
    /** Marks all of the user's notifications as read. The other devices get notifications:read. */
    "notifications:mark_all_read": (ack?: Acknowledge<NotificationsMarkAllReadResult>) => void;
    /** The user's notifications in pages, newest first. Without an acknowledgement the answer is the event notifications:list. */
    "notifications:list": (payload?: NotificationsListPayload, ack?: Acknowledge<NotificationsListResult>) => void;
    /** How many notifications are unread. Without an acknowledgement the answer is the event notifications:unread. */
    "notifications:unread": (ack?: Acknowledge<NotificationsUnreadResult>) => void;
    /** This device is to get pushes while the user is away. A token that was another user's is this user's from now on; of too many the oldest goes. */
    "push:register": (payload: PushRegisterPayload, ack?: Acknowledge) => void;
    /** This device is to get no pushes any more, as before a logout. An unknown token is no error. */
    "push:unregister": (payload: PushUnregisterPayload, ack?: Acknowledge<PushUnregisterResult>) => void;
    /** Asks for the key with which browsers subscribe: applicationServerKey. */
    "push:key": (ack?: Acknowledge<PushKeyResult>) => void;
    /** Says what this device shows, until it says something else or disconnects. A user with a connected device that answers gets no pushes; a device that is away counts only for the room it names. */
    "push:focus": (payload?: PushFocusPayload, ack?: Acknowledge) => void;
    /** Shows a new token of the same user, so that the connection may go on when the old one expires. */
    "auth:refresh": (payload: AuthRefreshPayload, ack?: Acknowledge<AuthRefreshResult>) => void;
}

/** What the server sends. */
export interface ServerToClientEvents {
    /** To who joined: the last messages of the room. To who asked for a page: that page. */
    "chat:history": (payload: ChatHistoryEvent) => void;
    /** To who asked for it without an acknowledgement. */
    "chat:sync": (payload: ChatSyncEvent) => void;
    /** To everybody in the room: a message has a new text. */
    "chat:message_edited": (payload: ChatMessageEditedEvent) => void;
    /** To everybody in the room: a message was deleted. */
    "chat:message_deleted": (payload: ChatMessageDeletedEvent) => void;
    /** To everybody in the room: somebody reacted to a message, or no longer does. */
    "chat:reaction": (payload: ChatReactionEvent) => void;
    /** To the user's other devices when one has read, and to who asked for it without an acknowledgement. */
    "chat:unread": (payload: ChatUnreadEvent) => void;
    /** To everybody in the room, its sender included: a message was saved. */
    "chat:new_message": (payload: Message) => void;
    /** To the others in the room: somebody entered. */
    "chat:user_joined": (payload: ChatUserJoinedEvent) => void;
    /** To the others in the room: somebody left. */
    "chat:user_left": (payload: ChatUserLeftEvent) => void;
    /** To the others in the room: somebody types, or no longer. */
    "chat:user_typing": (payload: ChatUserTypingEvent) => void;
    /** Somebody came, went (some seconds after the last device was gone) or chose a status. To everybody or to followers and subscribers, as PRESENCE_AUDIENCE says; to the user's other devices when a status was chosen. Changes that follow each other quickly are told as one. */
    "presence:update": (payload: PresenceUpdateEvent) => void;
    /** To who asked: how the users are, in the order asked for. */
    "presence:status_list": (payload: UserPresence[]) => void;
    /** To the other viewers of a party that is not large: a user watches who did not before, on any device. */
    "party:viewer_joined": (payload: PartyViewerJoinedEvent) => void;
    /** To the other viewers of a party that is not large: a user no longer watches, on no device. */
    "party:viewer_left": (payload: PartyViewerLeftEvent) => void;
    /** To the viewers of a large party (more than PARTY_ANNOUNCE_LIMIT), in place of joins and leaves: how many watch now, at most once in PARTY_COUNT_INTERVAL. */
    "party:viewer_count": (payload: PartyViewerCountEvent) => void;
    /** To the viewers of a party: it began, ended or was cancelled. */
    "party:status_changed": (payload: PartyStatusChangedEvent) => void;
    /** To the viewers of a party: a picture, video or sound was added. */
    "party:new_media": (payload: PartyNewMediaEvent) => void;
    /** To all devices of a user: a notification was saved. */
    "notification:new": (payload: Notification) => void;
    /** To the user's other devices: one has marked notifications as read. */
    "notifications:read": (payload: NotificationsReadEvent) => void;
    /** To who asked for it without an acknowledgement. */
    "notifications:list": (payload: NotificationsListEvent) => void;
    /** To who asked for it without an acknowledgement. */
    "notifications:unread": (payload: NotificationsUnreadEvent) => void;
    /** To a socket: its token expires soon, JWT_EXPIRY_NOTICE before it does. Without auth:refresh the connection ends behind it, with `error` token_expired. */
    "auth:expiring": (payload: AuthExpiringEvent) => void;
    /** To the socket whose event was refused, whether or not it asked for an acknowledgement. */
    "error": (payload: ErrorEvent) => void;
}
