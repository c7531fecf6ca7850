// A file that the operating system refuses to read, to root too: it stands for every disk that fails to read.
#pragma once

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>

namespace lacuna::testing {

// Nobody may read `file` while this lives: it has no permissions, and the calling thread does not use the
// capabilities that read past them.
class UnreadableFile {
 public:
  explicit UnreadableFile(std::filesystem::path file)
      : file_(std::move(file)), permissions_(std::filesystem::status(file_).permissions()) {
    std::filesystem::permissions(file_, std::filesystem::perms::none);
    Capabilities data = effective_ = get_capabilities();
    data[0].effective &= ~((1U << unsigned{CAP_DAC_OVERRIDE}) | (1U << unsigned{CAP_DAC_READ_SEARCH}));
    set_capabilities(data);
  }
  ~UnreadableFile() {
    ::syscall(SYS_capset, &header_, effective_.data());
    std::error_code ignored;
    std::filesystem::permissions(file_, permissions_, ignored);
  }
  UnreadableFile(const UnreadableFile&) = delete;
  UnreadableFile& operator=(const UnreadableFile&) = delete;

 private:
  using Capabilities = std::array<__user_cap_data_struct, 2>;

  Capabilities get_capabilities() {
    Capabilities data{};
    if (::syscall(SYS_capget, &header_, data.data()) != 0) throw std::runtime_error("capget failed");
    return data;
  }
  void set_capabilities(const Capabilities& data) {
    if (::syscall(SYS_capset, &header_, data.data()) != 0) throw std::runtime_error("capset failed");
  }

  std::filesystem::path file_;
  std::filesystem::perms permissions_;
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  Capabilities effective_{};
};

}  // namespace lacuna::testing
