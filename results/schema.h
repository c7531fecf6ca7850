// Every path, attribute and column of a store or part, once. FORMAT.md says the same for readers.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/records.h"
#include "results/hdf5_file.h"

namespace lacuna::schema {

// --- the root

inline constexpr std::string_view kFormatName = "lacuna-store";
inline constexpr std::int64_t kMajorVersion = 1;  // readers refuse any other
inline constexpr std::int64_t kMinorVersion = 1;  // rises with additions that old readers may ignore

inline constexpr const char* kRoot = "/";
inline constexpr const char* kFormatAttribute = "format";
inline constexpr const char* kMajorAttribute = "format_version_major";
inline constexpr const char* kMinorAttribute = "format_version_minor";
inline constexpr const char* kKindAttribute = "kind";  // "store" or "part"
inline constexpr const char* kUnitAttribute = "unit";  // parts: the unit's id
inline constexpr const char* kStreamAttribute = "stream";
inline constexpr const char* kFirstQuestionAttribute = "first_question";
inline constexpr const char* kQuestionCountAttribute = "question_count";
inline constexpr const char* kFingerprintAttribute = "run_fingerprint";
inline constexpr const char* kCompleteAttribute = "complete";  // stores: 1, or 0 if units are missing
inline constexpr const char* kLayersAttribute = "layers";      // of /results/<model>/<benchmark>
inline constexpr const char* kUnitsAttribute = "units";        // of datasets: what a number counts

inline constexpr const char* kManifest = "/manifest";                     // stores: JSON text
inline constexpr const char* kMissingUnitIds = "/missing_units/id";       // stores: [U] string
inline constexpr const char* kMissingUnitReasons = "/missing_units/why";  // stores: [U] string
inline constexpr const char* kResults = "/results";

// --- groups

inline std::string sweep_group(const std::string& model, const std::string& benchmark) {
  return std::string(kResults) + "/" + model + "/" + benchmark;
}
inline std::string question_group(const std::string& sweep) {
  return sweep + "/question";
}
inline std::string mode_group(const std::string& sweep, LacMode mode) {
  return sweep + "/" + std::string(to_string(mode));
}
inline std::string prompt_group(const std::string& mode) {
  return mode + "/pp";
}
inline std::string response_group(const std::string& mode) {
  return mode + "/response";
}
inline std::string generation_group(const std::string& mode) {
  return mode + "/rg";
}
// Only where log-likelihoods were asked for (since version 1.1).
inline std::string loglik_group(const std::string& mode) {
  return mode + "/loglik";
}
inline constexpr std::string_view kTimingGroupName = "timing";
inline std::string timing_group(const std::string& mode) {
  return mode + "/" + std::string(kTimingGroupName);
}
inline std::string child(const std::string& group, std::string_view name) {
  return group + "/" + std::string(name);
}

// --- scales of a sweep: axes that all of its groups share

inline constexpr std::string_view kAlpha = "alpha";           // [A] float64
inline constexpr std::string_view kLayer = "layer";           // [L] int32: 0 ... L - 1
inline constexpr std::string_view kState = "state";           // [L + 1] int32: -1 (embedding), 0 ... L - 1
inline constexpr std::string_view kLayerByte = "layer_byte";  // [ceil(L / 8)] int32: first layer of the byte

// --- columns: the datasets of a group

// What the entries of a column's first axis are.
enum class RowKind : std::uint8_t {
  kItem,     // one an item of the group: a question, a prompt trace, a response
  kCounter,  // 0, 1, ...: the scale of the item axis
  kOffset,   // items + 1: where an item's ragged rows begin; the last is their number
  kRagged,   // one a token, items one after another
};

// The axes behind the first.
enum class InnerAxes : std::uint8_t {
  kNone,
  kState,      // norms
  kDecisions,  // (alpha, layer_byte), or (layer_byte) where an item has one threshold
};

struct Column {
  std::string_view name;
  Hdf5Type type;
  RowKind rows;
  std::string_view scale;  // name of the scale of the first axis, in the same group; its own name: it is one
  std::string_view units;
  InnerAxes inner = InnerAxes::kNone;
};

inline constexpr std::string_view kQuestionIndex = "question_index";
inline constexpr std::string_view kAlphaIndex = "alpha_index";
inline constexpr std::string_view kRowOffsets = "row_offsets";
inline constexpr std::string_view kTokenOffsets = "token_offsets";
inline constexpr std::string_view kTokenIds = "token_ids";
inline constexpr std::string_view kToken = "token";
inline constexpr std::string_view kNorms = "norms";
inline constexpr std::string_view kActive = "active";
inline constexpr std::string_view kIndex = "index";
inline constexpr std::string_view kId = "id";
inline constexpr std::string_view kSubject = "subject";
inline constexpr std::string_view kGold = "gold";
inline constexpr std::string_view kPromptTokenOffsets = "prompt_token_offsets";
inline constexpr std::string_view kPromptTokenIds = "prompt_token_ids";
inline constexpr std::string_view kText = "text";
inline constexpr std::string_view kChoice = "choice";
inline constexpr std::string_view kCorrect = "correct";
inline constexpr std::string_view kStopReason = "stop_reason";
inline constexpr std::string_view kPrompt = "prompt";
inline constexpr std::string_view kResponse = "response";
inline constexpr std::string_view kScore = "score";
inline constexpr std::string_view kContinuation = "continuation";
inline constexpr std::string_view kContinuationOffsets = "continuation_offsets";
inline constexpr std::string_view kContinuationChoice = "continuation_choice";
inline constexpr std::string_view kTokenCount = "token_count";
inline constexpr std::string_view kCharacterCount = "character_count";
inline constexpr std::string_view kLogLikelihood = "log_likelihood";
inline constexpr std::string_view kIsGreedy = "is_greedy";
inline constexpr std::string_view kChoiceNormalized = "choice_normalized";
inline constexpr std::string_view kCorrectNormalized = "correct_normalized";
inline constexpr std::string_view kPrefillSeconds = "prefill_seconds";
inline constexpr std::string_view kDecodeSeconds = "decode_seconds";

// Scales stand before the columns that use them.
inline constexpr std::array kQuestionColumns = {
    Column{kIndex, Hdf5Type::kInt64, RowKind::kItem, kIndex, "position in the benchmark"},
    Column{kToken, Hdf5Type::kInt32, RowKind::kRagged, kToken, "position in the prompt"},
    Column{kId, Hdf5Type::kString, RowKind::kItem, kIndex, "stable name of the question"},
    Column{kSubject, Hdf5Type::kString, RowKind::kItem, kIndex, "subject of the benchmark"},
    Column{kGold, Hdf5Type::kString, RowKind::kItem, kIndex, "right choice"},
    Column{kPromptTokenOffsets, Hdf5Type::kInt64, RowKind::kOffset, kPromptTokenOffsets,
           "first entry of a question in prompt_token_ids"},
    Column{kPromptTokenIds, Hdf5Type::kInt32, RowKind::kRagged, kToken, "token id"},
};

inline constexpr std::array kPromptColumns = {
    Column{kPrompt, Hdf5Type::kInt64, RowKind::kCounter, kPrompt, "prompt trace"},
    Column{kToken, Hdf5Type::kInt32, RowKind::kRagged, kToken, "position in the prompt"},
    Column{kQuestionIndex, Hdf5Type::kInt64, RowKind::kItem, kPrompt, "value of question/index"},
    Column{kAlphaIndex, Hdf5Type::kInt32, RowKind::kItem, kPrompt, "position in alpha; -1: all of them"},
    Column{kRowOffsets, Hdf5Type::kInt64, RowKind::kOffset, kRowOffsets, "first row of a prompt trace"},
    Column{kNorms, Hdf5Type::kFloat32, RowKind::kRagged, kToken, "L2 norm", InnerAxes::kState},
    Column{kActive, Hdf5Type::kUInt8, RowKind::kRagged, kToken,
           "bit field, layer 0 in the most significant bit, 1 active, 0 void", InnerAxes::kDecisions},
};

inline constexpr std::array kResponseColumns = {
    Column{kResponse, Hdf5Type::kInt64, RowKind::kCounter, kResponse, "response"},
    Column{kToken, Hdf5Type::kInt32, RowKind::kRagged, kToken, "position in the response"},
    Column{kQuestionIndex, Hdf5Type::kInt64, RowKind::kItem, kResponse, "value of question/index"},
    Column{kAlphaIndex, Hdf5Type::kInt32, RowKind::kItem, kResponse, "position in alpha; -1: none applies"},
    Column{kTokenOffsets, Hdf5Type::kInt64, RowKind::kOffset, kTokenOffsets,
           "first entry of a response in token_ids"},
    Column{kTokenIds, Hdf5Type::kInt32, RowKind::kRagged, kToken, "token id"},
    Column{kText, Hdf5Type::kString, RowKind::kItem, kResponse, "response without special tokens"},
    Column{kChoice, Hdf5Type::kString, RowKind::kItem, kResponse, "choice found in the text, empty if none"},
    Column{kCorrect, Hdf5Type::kUInt8, RowKind::kItem, kResponse, "1 right, 0 wrong or no choice"},
    Column{kStopReason, Hdf5Type::kUInt8, RowKind::kItem, kResponse, "0 stop token, 1 length limit"},
};

inline constexpr std::array kGenerationColumns = {
    Column{kToken, Hdf5Type::kInt32, RowKind::kRagged, kToken, "position in the response of the token fed"},
    Column{kRowOffsets, Hdf5Type::kInt64, RowKind::kOffset, kRowOffsets, "first row of a response"},
    Column{kNorms, Hdf5Type::kFloat32, RowKind::kRagged, kToken, "L2 norm", InnerAxes::kState},
    Column{kActive, Hdf5Type::kUInt8, RowKind::kRagged, kToken,
           "bit field, layer 0 in the most significant bit, 1 active, 0 void", InnerAxes::kDecisions},
};

inline constexpr std::array kLoglikColumns = {
    Column{kScore, Hdf5Type::kInt64, RowKind::kCounter, kScore, "comparison of a question's choices"},
    Column{kContinuation, Hdf5Type::kInt32, RowKind::kRagged, kContinuation, "position among the choices"},
    Column{kQuestionIndex, Hdf5Type::kInt64, RowKind::kItem, kScore, "value of question/index"},
    Column{kAlphaIndex, Hdf5Type::kInt32, RowKind::kItem, kScore, "position in alpha; -1: none applies"},
    Column{kContinuationOffsets, Hdf5Type::kInt64, RowKind::kOffset, kContinuationOffsets,
           "first continuation of a score"},
    Column{kContinuationChoice, Hdf5Type::kString, RowKind::kRagged, kContinuation, "choice it stands for"},
    Column{kTokenCount, Hdf5Type::kInt32, RowKind::kRagged, kContinuation, "token"},
    Column{kCharacterCount, Hdf5Type::kInt32, RowKind::kRagged, kContinuation, "character"},
    Column{kLogLikelihood, Hdf5Type::kFloat64, RowKind::kRagged, kContinuation, "nat"},
    Column{kIsGreedy, Hdf5Type::kUInt8, RowKind::kRagged, kContinuation,
           "1 every token has the largest logit, 0 not"},
    Column{kChoice, Hdf5Type::kString, RowKind::kItem, kScore, "choice of the largest log-likelihood"},
    Column{kCorrect, Hdf5Type::kUInt8, RowKind::kItem, kScore, "1 right, 0 wrong"},
    Column{kChoiceNormalized, Hdf5Type::kString, RowKind::kItem, kScore,
           "choice of the largest log-likelihood per character, empty if the benchmark has no such metric"},
    Column{kCorrectNormalized, Hdf5Type::kUInt8, RowKind::kItem, kScore,
           "1 right, 0 wrong or no such metric"},
};

inline constexpr std::array kPrefillTimingColumns = {
    Column{kQuestionIndex, Hdf5Type::kInt64, RowKind::kItem, kQuestionIndex, "value of question/index"},
    Column{kPrefillSeconds, Hdf5Type::kFloat64, RowKind::kItem, kQuestionIndex, "s"},
};

inline constexpr std::array kDecodeTimingColumns = {
    Column{kResponse, Hdf5Type::kInt64, RowKind::kCounter, kResponse, "response"},
    Column{kDecodeSeconds, Hdf5Type::kFloat64, RowKind::kItem, kResponse, "s"},
};

}  // namespace lacuna::schema
