import type { Codec, DecodeOptions } from 'protons-runtime';
import type { Uint8ArrayList } from 'uint8arraylist';
export interface Request {
    wants: Want[];
    cancels: number[];
}
export declare namespace Request {
    const codec: () => Codec<Request>;
    interface RequestWantsIdFieldEvent {
        field: '$.wants[].id';
        value: number;
        index: number;
    }
    interface RequestWantsCidFieldEvent {
        field: '$.wants[].cid';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface RequestWantsModeFieldEvent {
        field: '$.wants[].mode';
        value: Mode;
        index: number;
    }
    interface RequestWantsSizeHintFieldEvent {
        field: '$.wants[].sizeHint';
        value: number;
        index: number;
    }
    interface RequestWantsPatientFieldEvent {
        field: '$.wants[].patient';
        value: boolean;
        index: number;
    }
    interface RequestCancelsFieldEvent {
        field: '$.cancels[]';
        index: number;
        value: number;
    }
    function encode(obj: Partial<Request>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Request>): Request;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Request>): Generator<RequestWantsIdFieldEvent | RequestWantsCidFieldEvent | RequestWantsModeFieldEvent | RequestWantsSizeHintFieldEvent | RequestWantsPatientFieldEvent | RequestCancelsFieldEvent>;
}
export interface Want {
    id: number;
    cid: Uint8Array<ArrayBuffer>;
    mode: Mode;
    sizeHint: number;
    patient: boolean;
}
export declare namespace Want {
    const codec: () => Codec<Want>;
    interface WantIdFieldEvent {
        field: '$.id';
        value: number;
    }
    interface WantCidFieldEvent {
        field: '$.cid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface WantModeFieldEvent {
        field: '$.mode';
        value: Mode;
    }
    interface WantSizeHintFieldEvent {
        field: '$.sizeHint';
        value: number;
    }
    interface WantPatientFieldEvent {
        field: '$.patient';
        value: boolean;
    }
    function encode(obj: Partial<Want>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Want>): Want;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Want>): Generator<WantIdFieldEvent | WantCidFieldEvent | WantModeFieldEvent | WantSizeHintFieldEvent | WantPatientFieldEvent>;
}
export declare enum Mode {
    BLOCK = "BLOCK",
    HAVE = "HAVE"
}
export declare namespace Mode {
    const codec: () => Codec<Mode>;
}
export interface Reply {
    answers: Answer[];
    haveUpdates: Uint8Array<ArrayBuffer>[];
}
export declare namespace Reply {
    const codec: () => Codec<Reply>;
    interface ReplyAnswersIdFieldEvent {
        field: '$.answers[].id';
        value: number;
        index: number;
    }
    interface ReplyAnswersStatusFieldEvent {
        field: '$.answers[].status';
        value: Status;
        index: number;
    }
    interface ReplyAnswersLengthFieldEvent {
        field: '$.answers[].length';
        value: number;
        index: number;
    }
    interface ReplyHaveUpdatesFieldEvent {
        field: '$.haveUpdates[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<Reply>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Reply>): Reply;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Reply>): Generator<ReplyAnswersIdFieldEvent | ReplyAnswersStatusFieldEvent | ReplyAnswersLengthFieldEvent | ReplyHaveUpdatesFieldEvent>;
}
export interface Answer {
    id: number;
    status: Status;
    length: number;
}
export declare namespace Answer {
    const codec: () => Codec<Answer>;
    interface AnswerIdFieldEvent {
        field: '$.id';
        value: number;
    }
    interface AnswerStatusFieldEvent {
        field: '$.status';
        value: Status;
    }
    interface AnswerLengthFieldEvent {
        field: '$.length';
        value: number;
    }
    function encode(obj: Partial<Answer>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Answer>): Answer;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Answer>): Generator<AnswerIdFieldEvent | AnswerStatusFieldEvent | AnswerLengthFieldEvent>;
}
export declare enum Status {
    OK = "OK",
    MISSING = "MISSING",
    BUSY = "BUSY",
    CANCELLED = "CANCELLED"
}
export declare namespace Status {
    const codec: () => Codec<Status>;
}
