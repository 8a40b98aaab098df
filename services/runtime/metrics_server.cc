#include "services/runtime/metrics_server.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include <exception>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "services/runtime/server.h"

namespace nevus {
namespace {

// A scraper or two.
constexpr size_t kThreads = 2;

prometheus::MetricType TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return prometheus::MetricType::Counter;
    case MetricKind::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::kHistogram:
      break;
  }
  return prometheus::MetricType::Histogram;
}

prometheus::ClientMetric ToClient(MetricKind kind,
                                  const MetricSnapshot::Sample& sample) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : sample.labels) {
    metric.label.push_back({name, value});
  }
  metric.counter.value = sample.value;
  metric.gauge.value = sample.value;
  if (kind != MetricKind::kHistogram) return metric;
  metric.histogram.sample_count = sample.histogram.count;
  metric.histogram.sample_sum = sample.histogram.sum;
  for (size_t i = 0; i < sample.histogram.bounds.size(); ++i) {
    metric.histogram.bucket.push_back(
        {sample.histogram.cumulative[i], sample.histogram.bounds[i]});
  }
  return metric;
}

class Collector : public prometheus::Collectable {
 public:
  explicit Collector(Metrics& metrics) : metrics_(metrics) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    for (const MetricSnapshot& snapshot : metrics_.Snapshot()) {
      prometheus::MetricFamily family;
      family.name = snapshot.name;
      family.help = snapshot.help;
      family.type = TypeOf(snapshot.kind);
      for (const MetricSnapshot::Sample& sample : snapshot.samples) {
        family.metric.push_back(ToClient(snapshot.kind, sample));
      }
      families.push_back(std::move(family));
    }
    return families;
  }

 private:
  Metrics& metrics_;
};

absl::Status PortTaken(const std::string& address, const std::string& why) {
  return WithReason(
      absl::UnavailableError(absl::StrCat(
          "cannot serve metrics on ", address, why.empty() ? "" : ": ", why,
          ". Is another nevusd running there? Choose another port")),
      "PORT_TAKEN");
}

}  // namespace

struct MetricsServer::Rep {
  std::shared_ptr<Collector> collector;
  std::unique_ptr<prometheus::Exposer> exposer;  // ends before the collector
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& address, Metrics& metrics) {
  RETURN_IF_ERROR(CheckListenAddress(address));
  auto rep = std::make_unique<Rep>();
  rep->collector = std::make_shared<Collector>(metrics);
  // civetweb binds to addresses, not to names.
  const std::string bind =
      absl::StartsWith(address, "localhost:")
          ? absl::StrCat("127.0.0.1", address.substr(address.rfind(':')))
          : address;
  // The library throws where it cannot bind.
  try {
    rep->exposer = std::make_unique<prometheus::Exposer>(bind, kThreads);
  } catch (const std::exception& error) {
    return PortTaken(address, error.what());
  }
  rep->exposer->RegisterCollectable(rep->collector);
  if (rep->exposer->GetListeningPorts().empty()) return PortTaken(address, "");
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(rep)));
}

MetricsServer::MetricsServer(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}

MetricsServer::~MetricsServer() = default;

int MetricsServer::port() const {
  return rep_->exposer->GetListeningPorts().front();
}

}  // namespace nevus
