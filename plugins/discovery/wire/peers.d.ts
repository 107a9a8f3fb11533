import type { Codec, DecodeOptions } from 'protons-runtime';
import type { Uint8ArrayList } from 'uint8arraylist';
export interface Question {
    records: Uint8Array<ArrayBuffer>[];
    wanted: number;
}
export declare namespace Question {
    const codec: () => Codec<Question>;
    interface QuestionRecordsFieldEvent {
        field: '$.records[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface QuestionWantedFieldEvent {
        field: '$.wanted';
        value: number;
    }
    function encode(obj: Partial<Question>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Question>): Question;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Question>): Generator<QuestionRecordsFieldEvent | QuestionWantedFieldEvent>;
}
export interface Answer {
    records: Uint8Array<ArrayBuffer>[];
}
export declare namespace Answer {
    const codec: () => Codec<Answer>;
    interface AnswerRecordsFieldEvent {
        field: '$.records[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<Answer>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Answer>): Answer;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Answer>): Generator<AnswerRecordsFieldEvent>;
}
