#include "orchestrator/memory_channel.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace lacuna {
namespace {

// A queue between threads.
template <class Item>
class Mailbox {
 public:
  void put(Item item) {
    {
      const std::lock_guard lock(mutex_);
      items_.push_back(std::move(item));
    }
    arrived_.notify_one();
  }

  std::optional<Item> take(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, timeout, [this] { return !items_.empty(); })) return std::nullopt;
    Item item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Item> items_;
};

struct Mailboxes {
  explicit Mailboxes(int workers) : to_worker(static_cast<std::size_t>(workers)) {}
  Mailbox<std::pair<WorkerId, std::string>> to_coordinator;
  std::vector<Mailbox<std::string>> to_worker;
};

class MemoryCoordinatorChannel : public CoordinatorChannel {
 public:
  explicit MemoryCoordinatorChannel(std::shared_ptr<Mailboxes> boxes) : boxes_(std::move(boxes)) {}

  [[nodiscard]] std::vector<WorkerId> workers() const override {
    std::vector<WorkerId> ids;
    for (std::size_t i = 0; i < boxes_->to_worker.size(); ++i) {
      ids.emplace_back(static_cast<std::int32_t>(i + 1));
    }
    return ids;
  }

  void send(WorkerId worker, const CoordinatorMessage& message) override {
    boxes_->to_worker.at(static_cast<std::size_t>(worker.value() - 1)).put(encode(message));
  }

  std::optional<FromWorker> receive(std::chrono::milliseconds timeout) override {
    const auto item = boxes_->to_coordinator.take(timeout);
    if (!item) return std::nullopt;
    return FromWorker{.worker = item->first, .message = decode_worker_message(item->second)};
  }

 private:
  std::shared_ptr<Mailboxes> boxes_;
};

class MemoryWorkerChannel : public WorkerChannel {
 public:
  MemoryWorkerChannel(std::shared_ptr<Mailboxes> boxes, std::size_t index)
      : boxes_(std::move(boxes)), index_(index) {}

  void send(const WorkerMessage& message) override {
    boxes_->to_coordinator.put({WorkerId(static_cast<std::int32_t>(index_ + 1)), encode(message)});
  }

  std::optional<CoordinatorMessage> receive(std::chrono::milliseconds timeout) override {
    const auto item = boxes_->to_worker[index_].take(timeout);
    if (!item) return std::nullopt;
    return decode_coordinator_message(*item);
  }

 private:
  std::shared_ptr<Mailboxes> boxes_;
  std::size_t index_;
};

}  // namespace

MemoryLinks make_memory_links(int workers) {
  if (workers < 1) throw std::logic_error("make_memory_links: at least one worker is needed");
  const auto boxes = std::make_shared<Mailboxes>(workers);
  MemoryLinks links;
  links.coordinator = std::make_unique<MemoryCoordinatorChannel>(boxes);
  for (std::size_t i = 0; i < boxes->to_worker.size(); ++i) {
    links.workers.push_back(std::make_unique<MemoryWorkerChannel>(boxes, i));
  }
  return links;
}

}  // namespace lacuna
