#include "worker/tokenizer/pre_tokenizer.h"

#include <fmt/format.h>

#include "worker/tokenizer/normalizer.h"

namespace lacuna {
namespace {

constexpr int kMaxSequenceDepth = 8;
constexpr std::size_t kMaxStages = 16;
constexpr std::size_t kMaxSpaceBytes = 4;  // one code point

// The pattern that ByteLevel with use_regex stands for: that of GPT-2.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

}  // namespace

PreTokenizer::PreTokenizer(const Component& component) {
  TextGrowth growth;
  if (!component.is_null()) add(component, 0, growth);
}

void PreTokenizer::add(const Component& component, int depth, TextGrowth& growth) {
  if (stages_.size() >= kMaxStages) component.refuse("there are too many pre-tokenizers");
  const std::string type = component.type();
  if (!stages_.empty() && stages_.back().is_byte_level) {
    component.refuse(fmt::format("`{}` after ByteLevel is not supported", type));
  }
  if (type == "Sequence") {
    component.allow_only({"type", "pretokenizers"});
    if (depth >= kMaxSequenceDepth) component.refuse("sequences are nested too deeply");
    for (const Component& part : component.field("pretokenizers").elements(kMaxStages)) {
      add(part, depth + 1, growth);
    }
  } else if (type == "Split") {
    component.allow_only({"type", "pattern", "behavior", "invert"});
    const Component behavior = component.field("behavior");
    if (behavior.text() != "Isolated") {
      behavior.refuse(fmt::format("`{}` is not supported, only Isolated", behavior.text()));
    }
    // With Isolated, inverting only swaps what is called a match and what a gap.
    static_cast<void>(component.boolean_or("invert", false));
    Stage stage;
    stage.pattern = SplitPattern::read(component.field("pattern"));
    stages_.push_back(std::move(stage));
  } else if (type == "ByteLevel") {
    add_byte_level(component, growth);
  } else if (type == "Metaspace") {
    add_metaspace(component, growth);
  } else {
    component.refuse(fmt::format("the pre-tokenizer `{}` is not supported", type));
  }
}

void PreTokenizer::add_byte_level(const Component& component, TextGrowth& growth) {
  // trim_offsets concerns character offsets, which we do not report.
  component.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  Stage stage;
  stage.is_byte_level = true;
  if (component.boolean_or("add_prefix_space", true)) {
    stage.prefix = Prefix::kAlways;
    stage.prefix_text.assign(1, ' ');
    growth.multiply(2, component);
  }
  if (component.boolean_or("use_regex", true)) stage.pattern = SplitPattern(kGpt2Pattern, component);
  stages_.push_back(std::move(stage));
}

void PreTokenizer::add_metaspace(const Component& component, TextGrowth& growth) {
  component.allow_only({"type", "replacement", "str_rep", "prepend_scheme", "add_prefix_space", "split"});
  Stage stage;
  stage.space = component.field("replacement").text();
  if (stage.space.empty() || stage.space.size() > kMaxSpaceBytes) {
    component.refuse("the replacement should be one character");
  }
  growth.multiply(1 + stage.space.size(), component);  // a piece may be one byte long
  stage.prefix_text = stage.space;
  stage.prefix = Prefix::kAlways;
  if (const auto scheme = component.find("prepend_scheme")) {
    if (scheme->text() == "first") {
      stage.prefix = Prefix::kFirst;
    } else if (scheme->text() == "never") {
      stage.prefix = Prefix::kNever;
    } else if (scheme->text() != "always") {
      scheme->refuse(fmt::format("`{}` is not supported", scheme->text()));
    }
    // Older files have only add_prefix_space; where both are there they must not contradict each other.
    if (!component.boolean_or("add_prefix_space", true) && stage.prefix != Prefix::kNever) {
      component.refuse("add_prefix_space contradicts prepend_scheme");
    }
  } else if (!component.boolean_or("add_prefix_space", true)) {
    stage.prefix = Prefix::kNever;
  }
  stage.split_before_space = component.boolean_or("split", true);
  stages_.push_back(std::move(stage));
}

BpeModel::Alphabet PreTokenizer::alphabet() const {
  return !stages_.empty() && stages_.back().is_byte_level ? BpeModel::Alphabet::kBytes
                                                          : BpeModel::Alphabet::kText;
}

void PreTokenizer::split(std::string_view text, bool at_start, PreTokenizerScratch& scratch,
                         const Visit& visit) const {
  if (text.empty()) return;
  scratch.texts.resize(stages_.size());
  run_stage(0, text, at_start, scratch, visit);
}

void PreTokenizer::run_stage(std::size_t index, std::string_view text, bool at_start,
                             PreTokenizerScratch& scratch, const Visit& visit) const {
  // Stages that would do nothing are skipped: after the last one the text is a word.
  while (index < stages_.size() && !stages_[index].pattern && stages_[index].space.empty() &&
         stages_[index].prefix == Prefix::kNever) {
    ++index;
  }
  if (index == stages_.size()) return visit(text);
  const Stage& stage = stages_[index];
  std::string& rewritten = scratch.texts[index];
  if (!stage.space.empty()) {
    rewritten = replace_all(text, " ", stage.space);
    text = rewritten;
  }
  const bool prefixed = stage.prefix == Prefix::kAlways || (stage.prefix == Prefix::kFirst && at_start);
  if (prefixed && !text.starts_with(stage.prefix_text)) {
    std::string prefixed_text = stage.prefix_text;
    prefixed_text.append(text);  // which may lie in `rewritten`
    rewritten = std::move(prefixed_text);
    text = rewritten;
  }
  const std::string_view whole = text;
  const auto pass_on = [&](std::string_view piece) {
    const bool piece_at_start = at_start && piece.data() == whole.data();
    if (index + 1 == stages_.size()) {
      visit(piece);
    } else {
      run_stage(index + 1, piece, piece_at_start, scratch, visit);
    }
  };
  if (stage.pattern) {
    stage.pattern->split(text, scratch.match, pass_on);
  } else if (stage.split_before_space) {
    std::size_t start = 0;
    for (std::size_t hit = text.find(stage.space, 1); hit != std::string_view::npos;
         hit = text.find(stage.space, hit + stage.space.size())) {
      if (hit > start) pass_on(text.substr(start, hit - start));
      start = hit;
    }
    pass_on(text.substr(start));
  } else {
    pass_on(text);
  }
}

}  // namespace lacuna
