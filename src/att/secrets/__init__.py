"""Whether the appliance's secret files are as closed as they must be."""
