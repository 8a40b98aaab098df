#include "services/serving/shadow_runner.h"

#include <utility>

namespace nevus {

ShadowRunner::~ShadowRunner() { Stop(); }

void ShadowRunner::Start() {
  thread_ = std::thread([this] { Work(); });
}

void ShadowRunner::Stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    queue_.clear();
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

bool ShadowRunner::Offer(std::function<void()> work) {
  MutexLock lock(mutex_);
  if (stopped_ || queue_.size() >= max_queue_) return false;
  queue_.push_back(std::move(work));
  changed_.NotifyAll();
  return true;
}

void ShadowRunner::AwaitIdle() {
  MutexLock lock(mutex_);
  while (running_ || !queue_.empty()) changed_.Wait(mutex_);
}

void ShadowRunner::Work() {
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopped_) changed_.Wait(mutex_);
      if (stopped_) return;
      work = std::move(queue_.front());
      queue_.pop_front();
      running_ = true;
    }
    work();
    // What it holds goes before anybody hears that it has ended.
    work = nullptr;
    MutexLock lock(mutex_);
    running_ = false;
    changed_.NotifyAll();
  }
}

}  // namespace nevus
