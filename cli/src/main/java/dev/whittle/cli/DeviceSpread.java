package dev.whittle.cli;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Devices that trainings are spread over, each training on one of them.
final class DeviceSpread {
  private final Map<String, Integer> load = new LinkedHashMap<>();

  DeviceSpread(List<String> devices) {
    devices.forEach(device -> load.put(device, 0));
  }

  /// A training's hold on a device.
  interface Lease extends AutoCloseable {
    String device();

    @Override
    void close();
  }

  /// Takes the device with the fewest trainings.
  synchronized Lease take() {
    String device = Collections.min(load.entrySet(), Map.Entry.comparingByValue()).getKey();
    load.merge(device, 1, Integer::sum);
    return new Lease() {
      @Override
      public String device() {
        return device;
      }

      @Override
      public void close() {
        giveBack(device);
      }
    };
  }

  private synchronized void giveBack(String device) {
    load.merge(device, -1, Integer::sum);
  }
}
