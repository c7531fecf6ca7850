#include "orchestrator/socket_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace lacuna {
namespace {

using Clock = std::chrono::steady_clock;

using Length = std::uint32_t;
constexpr std::size_t kReadBytes = 65536;
// More than any message of ours; what claims to be longer is no message.
constexpr Length kLongestMessage = 256U << 20U;

}  // namespace

void FileDescriptor::close() {
  if (value_ >= 0) ::close(std::exchange(value_, -1));
}

void MessageSocket::send(std::string_view text) {
  std::string framed(sizeof(Length), '\0');
  const auto length = static_cast<Length>(text.size());
  std::memcpy(framed.data(), &length, sizeof length);
  framed += text;
  std::string_view rest = framed;
  while (!rest.empty() && state_ == State::kOpen) {
    const ssize_t sent = ::send(descriptor_.value(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      rest.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EINTR) {
      state_ = State::kClosed;
    }
  }
}

std::optional<std::string> MessageSocket::receive(std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  while (true) {
    if (auto message = take_message()) return message;
    if (state_ == State::kClosed) return std::nullopt;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd waited{.fd = descriptor_.value(), .events = POLLIN, .revents = 0};
    const int ready = poll(&waited, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready > 0) read_available();
    // A signal may have interrupted the wait: who waits wants to know soon.
    if (ready < 0 || (ready == 0 && Clock::now() >= deadline)) return std::nullopt;
  }
}

void MessageSocket::read_available() {
  std::array<char, kReadBytes> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
  const ssize_t size = recv(descriptor_.value(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size > 0) {
    received_.append(bytes.data(), static_cast<std::size_t>(size));
  } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
    state_ = State::kClosed;
  }
}

std::optional<std::string> MessageSocket::take_message() {
  Length length = 0;
  if (received_.size() < sizeof length) return std::nullopt;
  std::memcpy(&length, received_.data(), sizeof length);
  if (length > kLongestMessage) {
    state_ = State::kClosed;
    return std::nullopt;
  }
  if (received_.size() - sizeof length < length) return std::nullopt;
  std::string message = received_.substr(sizeof length, length);
  received_.erase(0, sizeof length + length);
  return message;
}

std::pair<FileDescriptor, FileDescriptor> make_socket_pair() {
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw SystemError({.problem = "no socket for an engine process", .why = std::strerror(errno)});
  }
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

std::optional<CoordinatorMessage> SocketWorkerChannel::receive(std::chrono::milliseconds timeout) {
  if (const auto text = socket_.receive(timeout)) return decode_coordinator_message(*text);
  if (socket_.state() == MessageSocket::State::kClosed) return StopWork{.exit_code = ExitCode::kFailure};
  return std::nullopt;
}

}  // namespace lacuna
