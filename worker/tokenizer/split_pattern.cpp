#define PCRE2_CODE_UNIT_WIDTH 8
#include "worker/tokenizer/split_pattern.h"

#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <stdexcept>

#include "core/error.h"
#include "core/utf8.h"
#include "worker/tokenizer/regex_translation.h"

namespace lacuna {
namespace {

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeJitStack {
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

constexpr std::size_t kMaxPatternBytes = 16384;
// Backtracking points at one start position. A sane pattern needs a few for each byte that it takes; a
// hostile one may use up the limit at every position and still ends within a second on a document.
constexpr std::uint64_t kMatchLimit = 100'000;
constexpr std::uint64_t kMatchLimitPerByte = 16;
// Memory for backtracking where there is no JIT.
constexpr std::uint32_t kHeapLimitKibibytes = 256U << 10U;
constexpr std::size_t kJitStackBytes = std::size_t{8} << 20U;

std::string describe(int error) {
  std::array<PCRE2_UCHAR, 256> message{};
  pcre2_get_error_message(error, message.data(), message.size());
  return reinterpret_cast<const char*>(message.data());
}

}  // namespace

struct MatchScratch::Impl {
  std::unique_ptr<pcre2_match_data, FreeMatchData> match_data;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context;
  std::unique_ptr<pcre2_jit_stack, FreeJitStack> jit_stack;
};

MatchScratch::MatchScratch() : impl_(std::make_unique<Impl>()) {
  impl_->match_data.reset(pcre2_match_data_create(1, nullptr));
  impl_->context.reset(pcre2_match_context_create(nullptr));
  impl_->jit_stack.reset(pcre2_jit_stack_create(32768, kJitStackBytes, nullptr));
  // Without JIT on this platform there is no stack to be had; matching then goes through the interpreter.
  if (!impl_->match_data || !impl_->context) throw std::bad_alloc();
  pcre2_set_heap_limit(impl_->context.get(), kHeapLimitKibibytes);
  if (impl_->jit_stack) pcre2_jit_stack_assign(impl_->context.get(), nullptr, impl_->jit_stack.get());
}
MatchScratch::MatchScratch(MatchScratch&&) noexcept = default;
MatchScratch& MatchScratch::operator=(MatchScratch&&) noexcept = default;
MatchScratch::~MatchScratch() = default;

struct SplitPattern::Impl {
  std::unique_ptr<pcre2_code, FreeCode> code;
  std::string source;
  bool jit = false;

  void compile(std::string_view pattern, std::uint32_t options, const Component& component) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                             PCRE2_UTF | options, &error, &offset, nullptr));
    if (!code) component.refuse(fmt::format("the pattern does not compile: {}", describe(error)));
    jit = pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE) == 0;
  }
};

SplitPattern::SplitPattern() : impl_(std::make_unique<Impl>()) {}
SplitPattern::SplitPattern(SplitPattern&&) noexcept = default;
SplitPattern& SplitPattern::operator=(SplitPattern&&) noexcept = default;
SplitPattern::~SplitPattern() = default;

SplitPattern::SplitPattern(std::string_view regex, const Component& component) : SplitPattern() {
  if (regex.size() > kMaxPatternBytes) {
    component.refuse(fmt::format("the pattern is longer than {} bytes", kMaxPatternBytes));
  }
  std::string refused;
  const std::string translated = translate_regex(regex, refused);
  if (!refused.empty()) {
    component.refuse(fmt::format("the pattern uses `{}`, which is not supported", utf8::repair(refused)));
  }
  impl_->source = regex;
  impl_->compile(translated, PCRE2_UCP, component);
}

SplitPattern SplitPattern::read(const Component& pattern) {
  pattern.allow_only({"Regex", "String"});
  if (const auto regex = pattern.find("Regex")) return {regex->text(), pattern};
  const std::string literal = pattern.field("String").text();
  if (literal.empty() || literal.size() > kMaxPatternBytes) pattern.refuse("the string is empty or too long");
  SplitPattern split;
  split.impl_->source = literal;
  split.impl_->compile(literal, PCRE2_LITERAL, pattern);
  return split;
}

void SplitPattern::split(std::string_view text, MatchScratch& scratch,
                         const std::function<void(std::string_view)>& visit) const {
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  pcre2_match_data* const data = scratch.impl_->match_data.get();
  const PCRE2_SIZE* const bounds = pcre2_get_ovector_pointer(data);
  const std::uint64_t limit = kMatchLimit + kMatchLimitPerByte * text.size();
  pcre2_set_match_limit(scratch.impl_->context.get(),
                        static_cast<std::uint32_t>(std::min<std::uint64_t>(limit, UINT32_MAX)));
  const auto match_once = impl_->jit ? pcre2_jit_match : pcre2_match;
  std::size_t piece_start = 0;  // of what no match has taken yet
  std::size_t search_from = 0;
  while (search_from < text.size()) {
    const int result = match_once(impl_->code.get(), subject, text.size(), search_from, PCRE2_NO_UTF_CHECK,
                                  data, scratch.impl_->context.get());
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) {
      throw InputError(
          {fmt::format("the split pattern `{}` fails on a text of {} bytes", impl_->source, text.size()),
           describe(result)});
    }
    // Look-behind tricks can make a match end before it starts; treat it as empty.
    const std::size_t start = bounds[0];
    const std::size_t end = bounds[1] < start ? start : bounds[1];
    if (start > piece_start) visit(text.substr(piece_start, start - piece_start));
    if (end > start) visit(text.substr(start, end - start));
    piece_start = end;
    search_from = end > start ? end : utf8::advance(text, end, 1);
  }
  if (piece_start < text.size()) visit(text.substr(piece_start));
}

}  // namespace lacuna
