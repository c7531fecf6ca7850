// A regular expression of a pre-tokenizer, matched the way the reference's engine (Oniguruma 6.9.8 to 6.9.10
// with Unicode 16 classes) matches it, but by PCRE2 with its JIT.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "worker/tokenizer/component.h"

namespace lacuna {

// What matching needs besides the pattern; one per thread at a time.
class MatchScratch {
 public:
  MatchScratch();
  MatchScratch(MatchScratch&&) noexcept;
  MatchScratch& operator=(MatchScratch&&) noexcept;
  ~MatchScratch();

 private:
  friend class SplitPattern;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class SplitPattern {
 public:
  // From {"Regex": ...} or {"String": ...}. Only constructs that mean the same in both engines are taken;
  // `pattern` is refused otherwise, naming the construct.
  static SplitPattern read(const Component& pattern);

  // `regex`: the pattern's source; `component`: where it stands, for errors.
  SplitPattern(std::string_view regex, const Component& component);

  SplitPattern(SplitPattern&&) noexcept;
  SplitPattern& operator=(SplitPattern&&) noexcept;
  ~SplitPattern();

  // Calls `visit(piece)` for every match and for every non-empty gap between matches ("Isolated"), in order;
  // together they are `text`, which must be well-formed UTF-8. Throws InputError if the pattern takes more
  // steps than its limit.
  void split(std::string_view text, MatchScratch& scratch,
             const std::function<void(std::string_view)>& visit) const;

 private:
  struct Impl;
  SplitPattern();
  std::unique_ptr<Impl> impl_;
};

}  // namespace lacuna
