// Taking turns, medians and verdicts: what every bench has in common. Knows no
// image, no server and no clock.
#ifndef NEVUS_TESTS_BENCH_MEASURE_H_
#define NEVUS_TESTS_BENCH_MEASURE_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/nevus/output.h"

namespace nevus {

// One way of doing some work.
struct Lane {
  std::string name;
  std::string unit;  // of what `run` returns, such as "images/s"
  // Does the work once and returns its figure.
  std::function<absl::StatusOr<double>()> run;
  std::vector<double> values = {};  // one a repeat
};

// Runs every lane once to warm up, then all of them in turn `repeats` times, so
// that other load on the machine meets each alike. Tells `progress` how many of
// all runs are done and which comes next.
absl::Status RunInTurns(
    const std::vector<Lane*>& lanes, int repeats,
    const std::function<void(int done, int all, const std::string& next)>&
        progress);

// The middle value, or the mean of the two middle ones.
// REQUIRES: `values` is not empty.
double Median(std::vector<double> values);

// How one lane compares with another, repeat by repeat: two values that were
// taken within seconds of each other.
struct Ratio {
  std::string name;
  std::vector<double> values;
  // What the median should reach; neither: for information.
  std::optional<double> at_least = {};
  std::optional<double> at_most = {};

  // REQUIRES: `values` is not empty.
  bool Met() const;
};

// REQUIRES: as many values in both.
std::vector<double> Divide(const std::vector<double>& over,
                           const std::vector<double>& under);

// What a bench prints.
struct Report {
  std::vector<Lane> lanes;
  std::vector<Ratio> ratios;
  // The machine and the work, by name.
  std::vector<std::pair<std::string, std::string>> facts;
};

// Lanes, then ratios with "met" or "missed", each with its median and the range
// of its repeats.
Table ToTable(const Report& report);
// The same with every single value.
Json ToJson(const Report& report);

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_MEASURE_H_
