import type { Codec, DecodeOptions } from 'protons-runtime';
import type { Uint8ArrayList } from 'uint8arraylist';
export interface LaneRequest {
    protocol: string;
}
export declare namespace LaneRequest {
    const codec: () => Codec<LaneRequest>;
    interface LaneRequestProtocolFieldEvent {
        field: '$.protocol';
        value: string;
    }
    function encode(obj: Partial<LaneRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LaneRequest>): LaneRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LaneRequest>): Generator<LaneRequestProtocolFieldEvent>;
}
export interface LaneResponse {
    ports: number[];
}
export declare namespace LaneResponse {
    const codec: () => Codec<LaneResponse>;
    interface LaneResponsePortsFieldEvent {
        field: '$.ports[]';
        index: number;
        value: number;
    }
    function encode(obj: Partial<LaneResponse>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LaneResponse>): LaneResponse;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LaneResponse>): Generator<LaneResponsePortsFieldEvent>;
}
