#include "clients/nevus/backbone_rates.h"

#include "absl/time/time.h"
#include "clients/nevus/job_text.h"

namespace nevus {

std::map<std::string, double> RatesByBackbone(
    const std::vector<v1::Job>& jobs,
    const std::vector<v1::FeatureSpace>& spaces) {
  std::map<std::string, std::string> backbones;
  for (const v1::FeatureSpace& space : spaces) {
    backbones[space.digest()] = space.backbone_digest();
  }
  std::map<std::string, double> rates;
  for (const v1::Job& job : jobs) {
    const auto backbone = backbones.find(job.result());
    if (job.kind() != v1::EXTRACTION || job.state() != v1::SUCCEEDED ||
        backbone == backbones.end() || !job.has_start_time()) {
      continue;
    }
    const double seconds = absl::ToDoubleSeconds(ToTime(job.end_time()) -
                                                 ToTime(job.start_time()));
    if (job.progress().done() < 1 || seconds <= 0) continue;
    rates.emplace(backbone->second, job.progress().done() / seconds);
  }
  return rates;
}

}  // namespace nevus
