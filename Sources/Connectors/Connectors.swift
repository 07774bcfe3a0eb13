package import Pipeline

/// The systems that pipelines can connect, one line each.
package let connectors: [any Connector] = []
