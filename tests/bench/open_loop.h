// An open loop of predictions: each is sent when its time has come, whether or
// not those before it were answered, and its time counts from then. A closed
// loop, which sends the next after the answer, slows down with the server and
// so never sees what waiting does (the "coordinated omission").
#ifndef NEVUS_TESTS_BENCH_OPEN_LOOP_H_
#define NEVUS_TESTS_BENCH_OPEN_LOOP_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "protos/nevus/v1/prediction.pb.h"
#include "tests/bench/histogram.h"

namespace nevus {

// When requests come, in seconds from the start: every 1/rate seconds, or as by
// chance with that mean (a Poisson process, the same for the same seed).
std::vector<double> EvenSchedule(double rate, double seconds);
std::vector<double> PoissonSchedule(double rate, double seconds, uint32_t seed);

// The times that a server would take that answers one request after the other,
// each in `service_seconds`, and wastes nothing: what no server can beat on
// this schedule.
LatencyHistogram PerfectServer(const std::vector<double>& schedule,
                               double service_seconds);

struct LoadResult {
  LatencyHistogram latency;  // of the answered, from their scheduled time
  int64_t answered = 0;
  int64_t refused = 0;                    // RESOURCE_EXHAUSTED, at once
  std::map<std::string, int64_t> failed;  // by code and message
  double seconds = 0;                     // first scheduled to last answered
  std::map<std::string, int64_t> models;  // answers by model

  int64_t failures() const;
  double AnsweredPerSecond() const;
};

// Sends requests[i % n] at schedule[i] to `address`, over one connection, each
// with `timeout` from its scheduled time; `meanwhile`, if given, runs on a
// thread of its own until it returns.
LoadResult RunOpenLoop(const std::string& address,
                       const std::vector<v1::PredictRequest>& requests,
                       const std::vector<double>& schedule,
                       absl::Duration timeout,
                       const std::function<void()>& meanwhile = nullptr);

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_OPEN_LOOP_H_
