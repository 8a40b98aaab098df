#include "services/serving/batcher.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "base/status.h"

namespace nevus {
namespace {

// How long the compute thread waits without news before it looks whether calls
// that wait have ended.
constexpr absl::Duration kLongestWait = absl::Seconds(1);

absl::Status Draining() {
  return WithReason(
      absl::UnavailableError(
          "the server is stopping and takes no new images. Retry: another "
          "replica, or this one after its restart, will answer"),
      "DRAINING");
}

absl::Status Expired() {
  return absl::DeadlineExceededError(
      "the call's deadline would pass before its image is answered, so it was "
      "not computed. Give it more time, or ask another replica");
}

absl::Status Abandoned() {
  return absl::CancelledError(
      "the call ended before its image's turn came; it was not computed");
}

}  // namespace

Batcher::~Batcher() {
  Stop();
  if (thread_.joinable()) thread_.join();
}

void Batcher::Start() {
  thread_ = std::thread([this] { Work(); });
}

void Batcher::Stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
  came_.NotifyAll();
}

absl::StatusOr<Batcher::Answers> Batcher::Answer(const BatchRequest& request) {
  Answers answers;
  for (size_t begin = 0; begin < request.images.size();
       begin += limits_.max_batch) {
    ASSIGN_OR_RETURN(
        Answers some,
        AnswerSome(request, begin,
                   std::min(request.images.size(), begin + limits_.max_batch)));
    std::move(some.begin(), some.end(), std::back_inserter(answers));
  }
  return answers;
}

absl::StatusOr<Batcher::Answers> Batcher::AnswerSome(
    const BatchRequest& request, size_t begin, size_t end) {
  std::vector<Waiting> mine(end - begin);
  CondVar answered;
  MutexLock lock(mutex_);
  if (stopped_) return Draining();
  const absl::Time now = clock_.Now();
  const uint64_t before = last_ticket_;
  absl::Status refused;
  for (size_t i = 0; i < mine.size() && refused.ok(); ++i) {
    mine[i] = {&request, request.images[begin + i], now, &answered,
               std::nullopt};
    QueuedImage image;
    image.ticket = ++last_ticket_;
    image.model = request.model.get();
    image.priority = request.priority;
    image.deadline = request.deadline;
    image.arrival = now;
    image.own = request.own;
    image.after = request.images.size() - (begin + i) - 1;
    waiting_[image.ticket] = &mine[i];
    std::optional<uint64_t> displaced;
    DropDead();
    refused = queue_.Add(image, now, displaced);
    if (displaced.has_value()) Displace(*displaced);
  }
  if (!refused.ok()) {
    // All or none: half an answer is none.
    queue_.TakeIf([&](uint64_t ticket) { return ticket > before; });
    waiting_.erase(waiting_.upper_bound(before), waiting_.end());
    return refused;
  }
  came_.NotifyOne();
  Answers answers;
  for (Waiting& image : mine) {
    while (!image.answer.has_value()) answered.Wait(mutex_);
    answers.push_back(*std::move(image.answer));
  }
  // What ended the call ends all of it.
  for (const absl::StatusOr<BatchedAnswer>& answer : answers) {
    if (absl::IsResourceExhausted(answer.status()) ||
        absl::IsDeadlineExceeded(answer.status()) ||
        absl::IsCancelled(answer.status())) {
      return answer.status();
    }
  }
  return answers;
}

size_t Batcher::waiting() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

void Batcher::Settle(uint64_t ticket, absl::StatusOr<BatchedAnswer> answer) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;
  found->second->answer = std::move(answer);
  found->second->answered->NotifyOne();
  waiting_.erase(found);
}

void Batcher::Displace(uint64_t ticket) {
  const BatchRequest* const request = waiting_.at(ticket)->request;
  Settle(ticket, queue_.Full());
  // Half an answer is none: nobody would read what the rest gives.
  for (const uint64_t sibling :
       queue_.TakeIf([&](uint64_t other) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
         return waiting_.at(other)->request == request;
       })) {
    Settle(sibling, queue_.Full());
  }
}

void Batcher::DropDead() {
  const auto is_abandoned =
      [this](uint64_t ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        const auto& abandoned = waiting_.at(ticket)->request->abandoned;
        return abandoned != nullptr && abandoned();
      };
  for (uint64_t ticket : queue_.TakeIf(is_abandoned)) {
    Settle(ticket, Abandoned());
  }
  for (uint64_t ticket : queue_.TakeExpired(clock_.Now())) {
    Settle(ticket, Expired());
  }
}

std::vector<Batcher::Waiting*> Batcher::TakeBatch() {
  std::vector<uint64_t> tickets;
  while (true) {
    DropDead();
    tickets = queue_.TakeBatch(clock_.Now());
    if (!tickets.empty()) break;
    if (stopped_ && queue_.size() == 0) return {};
    came_.WaitFor(
        mutex_, std::min(queue_.NextBatchTime() - clock_.Now(), kLongestWait));
  }
  std::vector<Waiting*> batch;
  for (uint64_t ticket : tickets) {
    batch.push_back(waiting_.at(ticket));
    waiting_.erase(ticket);
  }
  return batch;
}

void Batcher::Work() {
  while (true) {
    std::vector<Waiting*> batch;
    {
      MutexLock lock(mutex_);
      batch = TakeBatch();
    }
    if (batch.empty()) return;
    const std::shared_ptr<BatchModel> model = batch.front()->request->model;
    // Copies: a caller that has its answer is gone.
    std::vector<std::string_view> images;
    std::vector<absl::Time> arrivals;
    for (const Waiting* waiting : batch) {
      images.push_back(waiting->image);
      arrivals.push_back(waiting->arrival);
    }
    const absl::Time begin = clock_.Now();
    model->Answer(images, [&](size_t i, absl::StatusOr<ImageAnswer> answer) {
      MutexLock lock(mutex_);
      if (answer.ok()) {
        batch[i]->answer =
            BatchedAnswer{*std::move(answer), static_cast<int>(batch.size()),
                          begin - arrivals[i]};
      } else {
        batch[i]->answer = answer.status();
      }
      batch[i]->answered->NotifyOne();
    });
    MutexLock lock(mutex_);
    queue_.Observe(batch.size(), clock_.Now() - begin);
  }
}

}  // namespace nevus
