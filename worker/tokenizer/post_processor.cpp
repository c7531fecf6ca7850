#include "worker/tokenizer/post_processor.h"

#include <fmt/format.h>

namespace lacuna {
namespace {

constexpr int kMaxSequenceDepth = 8;
constexpr std::size_t kMaxParts = 64;

}  // namespace

PostProcessor::PostProcessor(const Component& component) {
  if (!component.is_null()) add(component, 0);
}

void PostProcessor::add(const Component& component, int depth) {
  const std::string type = component.type();
  if (type == "Sequence") {
    component.allow_only({"type", "processors"});
    if (depth >= kMaxSequenceDepth) component.refuse("sequences are nested too deeply");
    for (const Component& part : component.field("processors").elements(kMaxParts)) add(part, depth + 1);
  } else if (type == "ByteLevel") {
    // Only trims character offsets, which we do not report.
    component.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  } else if (type == "TemplateProcessing") {
    if (has_template_) component.refuse("a second TemplateProcessing is not supported");
    has_template_ = true;
    add_template(component);
  } else {
    component.refuse(fmt::format("the post-processor `{}` is not supported", type));
  }
}

void PostProcessor::add_template(const Component& component) {
  component.allow_only({"type", "single", "pair", "special_tokens"});
  const Component special_tokens = component.field("special_tokens");
  const Component single = component.field("single");
  bool text_seen = false;
  for (const Component& part : single.elements(kMaxParts)) {
    part.allow_only({"SpecialToken", "Sequence"});
    if (part.find("Sequence")) {
      if (text_seen || part.field("Sequence").field("id").text() != "A")
        part.refuse("the text should come once, as A");
      text_seen = true;
      continue;
    }
    const Component special = special_tokens.field(part.field("SpecialToken").field("id").text());
    for (const Component& id : special.field("ids").elements(kMaxParts)) {
      (text_seen ? suffix_ : prefix_).push_back(static_cast<TableId>(id.whole_number(kMaxTokenId)));
    }
  }
  if (!text_seen) single.refuse("the text is not in the template");
}

}  // namespace lacuna
