#include "tests/bench/measure.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

std::string Figure(double value) {
  return FormatNumber(value, value < 10 ? 2 : 1);
}

std::string Range(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return absl::StrCat(Figure(*low), " to ", Figure(*high));
}

std::string Verdict(const Ratio& ratio) {
  if (!ratio.at_least && !ratio.at_most) return "";
  return absl::StrCat(ratio.at_least ? "at least " : "at most ",
                      ratio.at_least ? *ratio.at_least : *ratio.at_most, ": ",
                      ratio.Met() ? "met" : "missed");
}

Json Spread(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {{"median", Median(values)},
          {"low", *low},
          {"high", *high},
          {"values", values}};
}

}  // namespace

absl::Status RunInTurns(
    const std::vector<Lane*>& lanes, int repeats,
    const std::function<void(int, int, const std::string&)>& progress) {
  const int all = static_cast<int>(lanes.size()) * (repeats + 1);
  int done = 0;
  for (int round = 0; round <= repeats; ++round) {
    for (Lane* lane : lanes) {
      progress(done, all, lane->name);
      const absl::StatusOr<double> value = lane->run();
      if (!value.ok()) return Annotate(value.status(), lane->name);
      if (round > 0) lane->values.push_back(*value);
      ++done;
    }
  }
  progress(done, all, "done");
  return absl::OkStatus();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half]
                                : (values[half - 1] + values[half]) / 2;
}

bool Ratio::Met() const {
  const double median = Median(values);
  return (!at_least || median >= *at_least) && (!at_most || median <= *at_most);
}

std::vector<double> Divide(const std::vector<double>& over,
                           const std::vector<double>& under) {
  std::vector<double> ratios;
  for (size_t i = 0; i < over.size(); ++i) {
    ratios.push_back(over[i] / under[i]);
  }
  return ratios;
}

Table ToTable(const Report& report) {
  Table table;
  table.header = {"what", "median", "range", "unit", "target"};
  for (const Lane& lane : report.lanes) {
    table.rows.push_back({lane.name, Figure(Median(lane.values)),
                          Range(lane.values), lane.unit, ""});
  }
  for (const Ratio& ratio : report.ratios) {
    table.rows.push_back({ratio.name, Figure(Median(ratio.values)),
                          Range(ratio.values), "times", Verdict(ratio)});
  }
  return table;
}

Json ToJson(const Report& report) {
  Json json = {{"lanes", Json::array()}, {"ratios", Json::array()}};
  for (const Lane& lane : report.lanes) {
    Json entry = {{"name", lane.name}, {"unit", lane.unit}};
    entry.update(Spread(lane.values));
    json["lanes"].push_back(std::move(entry));
  }
  for (const Ratio& ratio : report.ratios) {
    Json entry = {{"name", ratio.name}};
    entry.update(Spread(ratio.values));
    if (ratio.at_least) entry["at_least"] = *ratio.at_least;
    if (ratio.at_most) entry["at_most"] = *ratio.at_most;
    if (ratio.at_least || ratio.at_most) entry["met"] = ratio.Met();
    json["ratios"].push_back(std::move(entry));
  }
  for (const auto& [name, value] : report.facts) json["facts"][name] = value;
  return json;
}

}  // namespace nevus
