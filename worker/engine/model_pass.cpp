#include "worker/engine/model_pass.h"

#include <map>

#include "worker/lac/propagate_recorder.h"
#include "worker/lac/shared_stream_recorder.h"
#include "worker/nn/compute_device.h"
#include "worker/nn/decode_attention.h"

namespace lacuna {

std::int64_t decision_set(const PassSettings& settings, const BranchSpec& spec) {
  return settings.stream == StreamKind::kShared && spec.alpha ? spec.alpha->value() : 0;
}

void PackedPass::add(TokenId token, std::int64_t position, std::optional<AlphaIndex> alpha) {
  token_ids_.push_back(token.value());
  positions_.push_back(position);
  if (alpha) token_alphas_.push_back(settings_.alphas[static_cast<std::size_t>(alpha->value())]);
}

std::unique_ptr<StreamRecorder> PackedPass::run(AttentionBackend& attention,
                                                const std::vector<std::int64_t>& kept_tokens) const {
  RecorderOptions options{
      .layers = model_.architecture.layers,
      .norm_precision = settings_.norm_precision,
      .model_dtype = model_.dtype(),
      .kept_tokens = kept_tokens.empty() ? at::Tensor() : to_device(kept_tokens, model_.device()),
      .keep_alive = settings_.keep_alive};
  std::unique_ptr<StreamRecorder> recorder;
  if (settings_.stream == StreamKind::kShared) {
    recorder = std::make_unique<SharedStreamRecorder>(std::move(options), settings_.alphas);
  } else {
    recorder = std::make_unique<PropagateRecorder>(std::move(options), token_alphas_);
  }
  model_.run_layers(to_device(token_ids_, model_.device()), to_device(positions_, model_.device()), attention,
                    *recorder);
  recorder->finish();
  return recorder;
}

DecodePass run_decode_pass(const CausalLm& model, const PassSettings& settings,
                           std::span<const DecodeMember> members) {
  PackedPass pass(model, settings);
  DecodePass result;
  std::vector<BranchSpan> spans;
  for (std::size_t member = 0; member < members.size(); ++member) {
    BranchSet& set = *members[member].branches;
    BranchSpan span{.first_row = pass.size(), .slots = {}, .cache = &set.cache()};
    for (std::size_t lane = 0; lane < set.lanes().size(); ++lane) {
      result.rows.push_back({.member = member, .lane = lane, .row = pass.size(), .token = pass.size()});
      span.slots.push_back(set.lanes()[lane].slot);
      pass.add(set.next_token(set.lanes()[lane]), set.cache().prompt_length() + set.cache().response_length(),
               members[member].alpha);
    }
    spans.push_back(std::move(span));
  }
  DecodeAttention attention(std::move(spans), settings.attention);
  result.recorder = pass.run(attention);
  for (const DecodeMember& member : members) member.branches->cache().advance();
  return result;
}

ReadLogits read_logits(const CausalLm& model, const StreamRecorder& recorder,
                       std::span<const Readout> readouts) {
  std::map<Readout, std::int64_t> row_of;
  for (const Readout& readout : readouts) row_of.emplace(readout, 0);
  std::vector<Readout> distinct;
  for (auto& [readout, row] : row_of) {
    row = static_cast<std::int64_t>(distinct.size());
    distinct.push_back(readout);
  }
  const at::Tensor states = model.normalize(recorder.gather_states(distinct));
  ReadLogits read{.final_states = states, .logits = HeadLogits(model.head, states), .rows = {}};
  for (const Readout& readout : readouts) read.rows.push_back(row_of.at(readout));
  return read;
}

}  // namespace lacuna
