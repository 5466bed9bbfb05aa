// Made by `partyline events --typescript` from src/app/events.def: change it there.

/** What a client may send. */
export type SentType = "TEXT" | "IMAGE" | "VIDEO";

/** What a message is; SYSTEM is said by the server. */
export type MessageType = "TEXT" | "IMAGE" | "VIDEO" | "SYSTEM";

/** Where a party is in its life. */
export type PartyStatus = "PLANNED" | "LIVE" | "ENDED" | "CANCELLED";

/** Why an event was refused. Newer servers may have more. */
export type RefusalCode = "bad_request" | "too_long" | "too_many" | "busy" | "internal" | "forbidden" | "not_a_member" | "not_found" | (string & {});

/** Who said something. */
export interface Sender {
    /** The user's id. */
    id: string;
    /** As the user's token says, in histories as the user is called today. */
    username: string | null;
    /** The user's picture. */
    avatarUrl: string | null;
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
    /** Its number in the room: 1, 2, 3, ... without gaps, the same for everybody. */
    seq: number;
    /** What its sender called it. */
    clientId?: string;
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

/** Says that the user types, or no longer; the others in the room get chat:user_typing. */
export interface ChatTypingPayload {
    /** A room that was joined. */
    roomId: string;
    /** Whether the user types. */
    isTyping: boolean;
}

/** To who joined: the last messages of the room. */
export interface ChatHistoryEvent {
    /** The room. */
    roomId: string;
    /** At most 50, oldest first. */
    messages: Message[];
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
    /** Says that the user types, or no longer; the others in the room get chat:user_typing. */
    "chat:typing": (payload: ChatTypingPayload, ack?: Acknowledge) => void;
}

/** What the server sends. */
export interface ServerToClientEvents {
    /** To who joined: the last messages of the room. */
    "chat:history": (payload: ChatHistoryEvent) => void;
    /** To everybody in the room, its sender included: a message was saved. */
    "chat:new_message": (payload: Message) => void;
    /** To the others in the room: somebody entered. */
    "chat:user_joined": (payload: ChatUserJoinedEvent) => void;
    /** To the others in the room: somebody left. */
    "chat:user_left": (payload: ChatUserLeftEvent) => void;
    /** To the others in the room: somebody types, or no longer. */
    "chat:user_typing": (payload: ChatUserTypingEvent) => void;
    /** To the viewers of a party: it began, ended or was cancelled. */
    "party:status_changed": (payload: PartyStatusChangedEvent) => void;
    /** To the viewers of a party: a picture, video or sound was added. */
    "party:new_media": (payload: PartyNewMediaEvent) => void;
    /** To the socket whose event was refused, whether or not it asked for an acknowledgement. */
    "error": (payload: ErrorEvent) => void;
}
