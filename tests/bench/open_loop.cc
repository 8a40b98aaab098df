#include "tests/bench/open_loop.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <memory>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/rpc/channel.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"

namespace nevus {
namespace {

// One request under way.
struct Pending {
  double scheduled = 0;
  grpc::ClientContext context;
  v1::PredictResponse response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::PredictResponse>> reader;
};

// Until `at` seconds of `watch`.
void WaitUntil(const Stopwatch& watch, double at) {
  const StopSignal never;
  for (double left = at - watch.Seconds(); left > 0;
       left = at - watch.Seconds()) {
    never.WaitFor(absl::Seconds(left));
  }
}

void Count(const Pending& pending, double now, LoadResult& result) {
  if (pending.status.ok()) {
    ++result.answered;
    ++result.models[pending.response.model()];
    result.latency.Add(now - pending.scheduled);
    result.seconds = std::max(result.seconds, now);
  } else if (pending.status.error_code() ==
             grpc::StatusCode::RESOURCE_EXHAUSTED) {
    ++result.refused;
  } else {
    ++result.failed[absl::StrCat(static_cast<int>(pending.status.error_code()),
                                 ": ", pending.status.error_message())];
  }
}

}  // namespace

std::vector<double> EvenSchedule(double rate, double seconds) {
  std::vector<double> schedule;
  for (int i = 0; i < rate * seconds; ++i) schedule.push_back(i / rate);
  return schedule;
}

std::vector<double> PoissonSchedule(double rate, double seconds,
                                    uint32_t seed) {
  std::mt19937 random(seed);
  std::exponential_distribution<double> gap(rate);
  std::vector<double> schedule;
  for (double at = gap(random); at < seconds; at += gap(random)) {
    schedule.push_back(at);
  }
  return schedule;
}

LatencyHistogram PerfectServer(const std::vector<double>& schedule,
                               double service_seconds) {
  LatencyHistogram latency;
  double free = 0;
  for (const double at : schedule) {
    free = std::max(free, at) + service_seconds;
    latency.Add(free - at);
  }
  return latency;
}

int64_t LoadResult::failures() const {
  int64_t all = 0;
  for (const auto& [text, count] : failed) all += count;
  return all;
}

double LoadResult::AnsweredPerSecond() const {
  return seconds > 0 ? static_cast<double>(answered) / seconds : 0;
}

LoadResult RunOpenLoop(const std::string& address,
                       const std::vector<v1::PredictRequest>& requests,
                       const std::vector<double>& schedule,
                       absl::Duration timeout,
                       const std::function<void()>& meanwhile) {
  // A connection of its own, made before the clock starts.
  grpc::ChannelArguments arguments = ChannelArguments();
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel = grpc::CreateCustomChannel(
      address, grpc::InsecureChannelCredentials(), arguments);
  channel->WaitForConnected(DeadlineAfter(absl::Seconds(10)));
  const auto stub = v1::PredictionService::NewStub(channel);
  grpc::CompletionQueue queue;
  LoadResult result;
  const Stopwatch watch;
  std::thread receiver([&] {
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
      const std::unique_ptr<Pending> pending(static_cast<Pending*>(tag));
      Count(*pending, watch.Seconds(), result);
    }
  });
  std::thread other;
  if (meanwhile != nullptr) other = std::thread(meanwhile);
  for (size_t i = 0; i < schedule.size(); ++i) {
    WaitUntil(watch, schedule[i]);
    auto pending = std::make_unique<Pending>();
    pending->scheduled = schedule[i];
    SetTimeout(pending->context,
               timeout - absl::Seconds(watch.Seconds() - schedule[i]));
    pending->reader = stub->AsyncPredict(&pending->context,
                                         requests[i % requests.size()], &queue);
    Pending* const tag = pending.release();  // the receiver's
    tag->reader->Finish(&tag->response, &tag->status, tag);
  }
  if (other.joinable()) other.join();
  queue.Shutdown();  // after what is under way
  receiver.join();
  return result;
}

}  // namespace nevus
